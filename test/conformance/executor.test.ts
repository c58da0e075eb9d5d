/**
 * One suite for every executor: the reference in this process, and runner processes with the
 * JavaScript backend, with each native one, and with CUDA on the fake driver. All must give the
 * same bits, and the bits of a naive chain over an exact fma.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { equalBytes, toHex } from '../../src/base/bytes.ts';
import { KadreError } from '../../src/base/errors.ts';
import { blobRoot } from '../../src/blob/tree.ts';
import type { ExecutionRequest, Executor } from '../../src/compute/executor.ts';
import { NATIVE_KERNELS } from '../../src/compute/kernels/table.ts';
import { JsExecutor } from '../../src/compute/local-executor.ts';
import { type SampleKind, sampleFloats } from '../../src/compute/sample-input.ts';
import { runSelftest, selftestCases } from '../../src/compute/selftest.ts';
import { kernelId } from '../../src/kernel/contract.ts';
import { KERNELS } from '../../src/kernel/registry.ts';
import { exactFma } from '../oracles/exact-fma.ts';
import { deviceExecutors, executors, type Subject } from './executors.ts';

type Extents = readonly [m: number, k: number, n: number];

function gemm(a: Uint8Array, b: Uint8Array, [m, k, n]: Extents, shardCount = 1): ExecutionRequest {
  return {
    kernel: 'gemm.f32@1',
    parameters: {},
    inputs: [
      { name: 'a', shape: [m, k], segments: [{ offset: 0, bytes: a }] },
      { name: 'b', shape: [k, n], segments: [{ offset: 0, bytes: b }] },
    ],
    shardCount,
    shards: Array.from({ length: shardCount }, (_, shard) => shard),
  };
}

function sampled(kind: SampleKind, extents: Extents, shardCount = 1): ExecutionRequest {
  const [m, k, n] = extents;
  return gemm(sampleFloats(kind, m * k, 5), sampleFloats(kind, k * n, 6), extents, shardCount);
}

const wordsOf = (bytes: Uint8Array) => new Uint32Array(bytes.slice().buffer);

async function wordsFrom(executor: Executor, request: ExecutionRequest): Promise<number[]> {
  const results = await executor.run(request);
  return results.flatMap(({ outputs }) => [...wordsOf(outputs[0]!.content)]);
}

/** +0, then k ascending, one fma each. */
function naiveChain(request: ExecutionRequest): number[] {
  const [a, b] = request.inputs.map((input) => wordsOf(input.segments[0]!.bytes));
  const [m, k] = request.inputs[0]!.shape as [number, number];
  const n = request.inputs[1]!.shape[1]!;
  return Array.from({ length: m * n }, (_, at) => {
    let acc = 0;
    for (let p = 0; p < k; p++) {
      acc = exactFma(a![Math.floor(at / n) * k + p]!, b![p * n + (at % n)]!, acc);
    }
    return acc;
  });
}

const codeOf = (code: string) => (cause: unknown) =>
  cause instanceof KadreError && cause.code === code;

for (const subject of [...(await executors()), ...(await deviceExecutors())]) {
  describe(subject.name, () => {
    let executor: Awaited<ReturnType<Subject['open']>>;
    before(async () => {
      executor = await subject.open();
    });
    after(() => executor.stop?.());

    test('has every kernel, or of a GPU those with device code', () => {
      const { name, kernels } = executor.backend;
      const all = KERNELS.map(kernelId).sort();
      if (name.startsWith('cuda/')) for (const kernel of kernels) assert.ok(all.includes(kernel));
      else if (executor.backend.elsewhere !== undefined || name === 'cpu/js') {
        assert.deepEqual(kernels, all);
      } else assert.deepEqual(kernels, [...NATIVE_KERNELS].sort());
      assert.match(subject.name, new RegExp(`^${executor.backend.name}`));
    });

    test('passes the self-test', async () => {
      const rows = await runSelftest(executor);
      const has = (kernel: string) => executor.backend.kernels.includes(kernel);
      assert.equal(
        rows.length,
        selftestCases().filter(({ request }) => has(request.kernel)).length,
      );
      for (const row of rows) assert.ok(row.ok, `${row.case}: ${row.actual}`);
    });

    test('equals the naive chain over an exact fma', async () => {
      for (const kind of ['moderate', 'tiny', 'any-bits'] as const) {
        for (const extents of [
          [1, 1, 1],
          [7, 19, 17],
          [6, 5, 16],
        ] as const) {
          const request = sampled(kind, extents);
          assert.deepEqual(await wordsFrom(executor, request), naiveChain(request), kind);
        }
      }
    });

    test('equals the reference across panels, blocks and edges', async () => {
      const reference = new JsExecutor();
      for (const extents of [
        [13, 513, 33],
        [6, 256, 16],
        [1, 300, 50],
        [50, 3, 1],
      ] as const) {
        for (const kind of ['moderate', 'any-bits'] as const) {
          const request = sampled(kind, extents);
          assert.deepEqual(
            await wordsFrom(executor, request),
            await wordsFrom(reference, request),
            `${extents} ${kind}`,
          );
        }
      }
    });

    test('equals the reference where threads share a shard', async () => {
      const request = sampled('moderate', [200, 301, 200]);
      const expected = await wordsFrom(new JsExecutor(), request);
      assert.deepEqual(await wordsFrom(executor, request), expected);
    });

    test('bits do not depend on the shard count', async () => {
      const whole = await wordsFrom(executor, sampled('moderate', [11, 40, 23]));
      for (const shardCount of [2, 5, 11]) {
        const request = sampled('moderate', [11, 40, 23], shardCount);
        assert.deepEqual(await wordsFrom(executor, request), whole);
      }
      // One shard per element: order in the output is the order of the shards here.
      assert.deepEqual(
        await wordsFrom(executor, sampled('moderate', [11, 40, 23], 11 * 23)),
        whole,
      );
    });

    test('every NaN is 7fc00000, zeros keep their sign, infinities stay', async () => {
      const f = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
      const bits = (...values: number[]) => new Uint8Array(Uint32Array.from(values).buffer);
      const cases: [Uint8Array, Uint8Array, number][] = [
        [bits(0xffc00001), f(1), 0x7fc00000],
        [bits(0x7f800001), f(1), 0x7fc00000],
        [f(Number.POSITIVE_INFINITY), f(0), 0x7fc00000],
        [f(Number.NEGATIVE_INFINITY), f(2), 0xff800000],
        [f(3e38), f(2), 0x7f800000],
        // +0 + -0 is +0: the chain starts at +0
        [f(-0), f(1), 0],
        [bits(1), f(1), 1],
        [bits(1), f(-1), 0x80000001],
        [bits(1), f(0.5), 0],
        [bits(3), f(0.5), 2],
        [bits(1), f(-0.25), 0x80000000],
      ];
      for (const [a, b, expected] of cases) {
        const [actual] = await wordsFrom(executor, gemm(a, b, [1, 1, 1]));
        assert.equal(actual?.toString(16), expected.toString(16));
      }
    });

    test('k = 0 gives zeros', async () => {
      const nothing = new Uint8Array(0);
      const words = await wordsFrom(executor, gemm(nothing, nothing, [3, 0, 4], 5));
      assert.deepEqual(words, new Array(12).fill(0));
    });

    test('roots are those of the contents', async () => {
      for (const { outputs } of await executor.run(sampled('moderate', [200, 2, 200], 2))) {
        assert.equal(toHex(outputs[0]!.root), toHex(blobRoot(outputs[0]!.content)));
      }
    });

    test('inputs in pieces, and only what the shards read', async () => {
      const request = sampled('moderate', [8, 10, 6], 4);
      const [a, b] = request.inputs.map((input) => input.segments[0]!.bytes);
      // Copies at odd addresses, as they may come from the network.
      const cut = (bytes: Uint8Array, cuts: readonly [number, number][]) =>
        cuts.map(([from, to]) => {
          const copy = new Uint8Array(1 + to - from).subarray(1);
          copy.set(bytes.subarray(from, to));
          return { offset: from, bytes: copy };
        });
      const partial: ExecutionRequest = {
        ...request,
        shards: [3, 1],
        inputs: [
          {
            name: 'b',
            shape: [10, 6],
            segments: cut(b!, [
              [0, 7],
              [7, 100],
              [100, 240],
            ]),
          },
          // Rows 2, 3 and 6, 7 of 8.
          {
            name: 'a',
            shape: [8, 10],
            segments: cut(a!, [
              [80, 160],
              [240, 317],
              [317, 320],
            ]),
          },
        ],
      };
      const expected = await executor.run(request);
      const results = await executor.run(partial);
      assert.deepEqual(
        results.map(({ shard }) => shard),
        [3, 1],
      );
      for (const { shard, outputs } of results) {
        assert.ok(equalBytes(outputs[0]!.content, expected[shard]!.outputs[0]!.content));
      }
    });

    test('wrong requests are refused with their code', async () => {
      const good = sampled('moderate', [2, 2, 2], 2);
      const [a, b] = good.inputs as [ExecutionRequest['inputs'][0], ExecutionRequest['inputs'][0]];
      const bad: [string, ExecutionRequest][] = [
        ['UNKNOWN_KERNEL', { ...good, kernel: 'gemm.f32@2' }],
        ['BAD_PARAMETER', { ...good, parameters: { x: 1 } }],
        ['BAD_INPUT', { ...good, inputs: [a] }],
        ['BAD_INPUT', { ...good, inputs: [a, { ...b, shape: [3, 2] }] }],
        ['BAD_INPUT', { ...good, inputs: [a, { ...b, segments: [] }] }],
        ['BAD_SHARD_COUNT', { ...good, shardCount: 0 }],
        ['BAD_SHARD_COUNT', { ...good, shardCount: 1e9 }],
        ['BAD_SHARD_COUNT', { ...good, shards: [2] }],
      ];
      for (const [code, request] of bad) {
        await assert.rejects(executor.run(request), codeOf(code), code);
      }
      assert.equal((await executor.run(good)).length, 2);
    });

    test('nothing asked for is nothing done', async () => {
      const request = { ...sampled('moderate', [2, 2, 2], 2), shards: [] };
      assert.deepEqual(await executor.run(request), []);
    });

    test('an aborted signal is an interruption', async () => {
      const run = executor.run(sampled('moderate', [2, 2, 2]), { signal: AbortSignal.abort() });
      await assert.rejects(run, codeOf('INTERRUPTED'));
    });
  });
}

test('the suite has teeth: two roundings instead of one change the bits', () => {
  const request = sampled('moderate', [7, 19, 17]);
  const [a, b] = request.inputs.map((input) => new Float32Array(input.segments[0]!.bytes.buffer));
  const unfused = Float32Array.from({ length: 7 * 17 }, (_, at) => {
    let acc = 0;
    for (let p = 0; p < 19; p++) {
      const product = Math.fround(a![Math.floor(at / 17) * 19 + p]! * b![p * 17 + (at % 17)]!);
      acc = Math.fround(product + acc);
    }
    return acc;
  });
  assert.notDeepEqual([...new Uint32Array(unfused.buffer)], naiveChain(request));
});
