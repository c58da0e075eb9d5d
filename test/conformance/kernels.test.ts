/**
 * Every kernel on every executor: the reference's bits on requests chosen to be hard, also where
 * threads share a shard. What the reference itself must equal is in test/unit/compute.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { ExecutionInput, ExecutionRequest, Executor } from '../../src/compute/executor.ts';
import { bytesOf, sampleArray, sampleRequest } from '../../src/compute/kernels/kernel-code.ts';
import { JsExecutor } from '../../src/compute/local-executor.ts';
import type { SampleKind } from '../../src/compute/sample-input.ts';
import { digestOf } from '../../src/compute/selftest.ts';
import { executors, type Subject } from './executors.ts';

/** Every pair of these meets: zeros, infinities, NaNs with other bits, subnormals, extremes. */
const EXTREMES = Uint32Array.of(
  ...[0, 0x80000000, 0x7f800000, 0xff800000, 0x7fc00001, 0xffc00000, 0x7f800001, 1, 0x80000001],
  ...[0x007fffff, 0x00800000, 0x7f7fffff, 0xff7fffff, 0x3f800000, 0xbf800000, 0x34000000],
);

/** Both signs, +0 and -0 in either order: minimum and maximum tell them apart. */
function zeros(): ExecutionInput[] {
  const bytes = bytesOf(Uint32Array.of(0, 0x80000000, 0, 0x80000000, 0x80000000, 0));
  return [{ name: 'x', shape: [6], segments: [{ offset: 0, bytes }] }];
}

const REQUESTS: Readonly<Record<string, readonly ExecutionRequest[]>> = {
  'mandelbrot@1': [
    { width: 1, height: 1, maxIterations: 1 },
    // Rows shorter than a vector, and just over several; a limit that is no multiple of anything.
    { width: 3, height: 4, maxIterations: 17 },
    { width: 33, height: 5, maxIterations: 203 },
    { width: 129, height: 3, span: 8, x: 4, y: 4, maxIterations: 9 },
    { x: -0.7453, y: 0.1127, span: 6.5e-4, width: 95, height: 31, maxIterations: 600 },
    // Pixels closer together than binary64 can tell apart.
    { x: -1.7548776662466927, y: 0, span: 1e-15, width: 40, height: 7, maxIterations: 300 },
  ].map((parameters) => sampleRequest({ kernel: 'mandelbrot@1', parameters })),
  'montecarlo.european@1': [
    { blocks: 1, paths: 1 },
    { blocks: 2, paths: 255, put: true },
    { blocks: 2, paths: 257, seed: 2 ** 53 - 1 },
    { blocks: 3, paths: 1023, strike: 130, volatility: 1.5 },
    { blocks: 1, paths: 4096 },
    { blocks: 2, paths: 8193, rate: -0.3, years: 10 },
    { blocks: 5, paths: 20_000, volatility: 4, years: 32, rate: -1, spot: 1e6 },
  ].map((parameters) => sampleRequest({ kernel: 'montecarlo.european@1', parameters })),
  'sha256.search@1': [
    { nonces: 1, blocks: 1 },
    { nonces: 33, blocks: 3 },
    // Around every place where the nonce crosses a word or a block, and where padding adds one.
    ...Array.from({ length: 12 }, (_, i) => ({ prefix: 'c3'.repeat(44 + i), nonces: 21 })),
    { prefix: '07'.repeat(63), nonces: 50, first: 2 ** 32 - 20, blocks: 2 },
    { prefix: '99'.repeat(2048), nonces: 5, first: 2 ** 53 - 200, blocks: 3 },
  ].map((parameters) =>
    sampleRequest({ kernel: 'sha256.search@1', parameters: { blocks: 2, ...parameters } }),
  ),
  'map@1': [
    ...['x + y', 'x - y', 'x * y', 'x / y', 'min(x, y)', 'max(x, y)', 'fma(x, y, -y)'],
    ...['x < y', 'x <= y', 'x > y', 'x >= y', 'x == y', 'x != y'].map(
      (truth) => `select(${truth}, 3, -x)`,
    ),
    'sqrt(x) + abs(y)',
    '-x * (y + 1e-40) - 16777217 / (x - 0.1)',
  ]
    .map((expression) => mapRequest(expression, pairs()))
    .concat(mapRequest('sqrt(x)', [sampleArray('x', 'any-bits', [70_001], 3)], 3)),
  'reduce@1': [
    ...[1, 2, 255, 256, 257, 511, 4095, 4096, 4097, 12_289].flatMap((length) => [
      reduceRequest('sum', 1, length, 'moderate'),
      reduceRequest('product', 2, length, 'unit'),
    ]),
    ...['sum', 'min', 'max', 'product'].flatMap((op) => [
      reduceRequest(op, 1, 300, 'any-bits'),
      reduceRequest(op, 1, 3 * 4096 + 77, 'tiny'),
      sampleRequest({ kernel: 'reduce@1', parameters: { op }, inputs: zeros() }),
    ]),
    // Threads share the outputs.
    reduceRequest('sum', 1, 2 ** 23 + 5, 'moderate'),
    reduceRequest('sum', 3, 2 ** 20 + 5, 'moderate'),
  ],
};

function pairs(): ExecutionInput[] {
  const side = EXTREMES.length;
  const ofPair = (pick: (at: number) => number) =>
    bytesOf(Uint32Array.from({ length: side ** 2 }, (_, at) => EXTREMES[pick(at)]!));
  const array = (name: string, bytes: Uint8Array) => ({
    name,
    shape: [side ** 2],
    segments: [{ offset: 0, bytes }],
  });
  return [
    array(
      'x',
      ofPair((at) => Math.floor(at / side)),
    ),
    array(
      'y',
      ofPair((at) => at % side),
    ),
  ];
}

function mapRequest(expression: string, inputs: readonly ExecutionInput[], shardCount = 1) {
  return sampleRequest({ kernel: 'map@1', parameters: { expression }, inputs, shardCount });
}

function reduceRequest(op: string, level: number, length: number, kind: SampleKind) {
  const inputs = [sampleArray('x', kind, [length], 21)];
  return sampleRequest({ kernel: 'reduce@1', parameters: { op, level }, inputs });
}

const reference = new JsExecutor();
const digest = (executor: Executor, request: ExecutionRequest) =>
  digestOf(executor, { name: '', request });

for (const subject of await executors()) {
  describe(subject.name, () => {
    let executor: Awaited<ReturnType<Subject['open']>>;
    before(async () => {
      executor = await subject.open();
    });
    after(() => executor.stop?.());

    for (const [kernel, requests] of Object.entries(REQUESTS)) {
      test(`${kernel} equals the reference`, async () => {
        for (const request of requests) {
          const { parameters } = request;
          const expected = await digest(reference, request);
          assert.equal(await digest(executor, request), expected, JSON.stringify(parameters));
        }
      });
    }
  });
}
