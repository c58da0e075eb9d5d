import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { toHex } from '../../../src/base/bytes.ts';
import type { ArraySpec, Kernel, ResolvedKernel } from '../../../src/kernel/contract.ts';
import { kernelId } from '../../../src/kernel/contract.ts';
import { describeKernel } from '../../../src/kernel/describe.ts';
import { gemmF32 } from '../../../src/kernel/gemm-f32.ts';
import { noop } from '../../../src/kernel/noop.ts';
import { findKernel, KERNELS, kernelDigest, kernelManifest } from '../../../src/kernel/registry.ts';
import { encodeCanonical } from '../../../src/wire/cbor.ts';

const f4 = (name: string, ...shape: number[]): ArraySpec => ({ name, dtype: '<f4', shape });

function resolved(kernel: Kernel, inputs: ArraySpec[], parameters = {}): ResolvedKernel {
  const checked = kernel.resolve(parameters, inputs);
  assert.ok(checked.ok, checked.ok ? '' : checked.detail);
  return checked.value;
}

function reasonOf(kernel: Kernel, inputs: ArraySpec[], parameters = {}): string {
  const checked = kernel.resolve(parameters, inputs);
  return checked.ok ? 'accepted' : checked.reason;
}

test('kernels are found by id and by nothing else', () => {
  for (const kernel of KERNELS) assert.equal(findKernel(kernelId(kernel)), kernel);
  for (const id of ['', 'noop', 'noop@2', 'NOOP@1', 'noop@1 ']) {
    assert.equal(findKernel(id), undefined);
  }
});

test('noop takes no input, and items within its bounds', () => {
  assert.deepEqual(resolved(noop, []).outputs, [{ name: 'out', dtype: '|u1', shape: [65_536] }]);
  assert.equal(resolved(noop, [], { items: 5 }).shardsMax, 5);
  assert.equal(reasonOf(noop, [], { items: 0 }), 'bad-parameter');
  assert.equal(reasonOf(noop, [], { items: 16_777_217 }), 'bad-parameter');
  assert.equal(reasonOf(noop, [f4('a', 1)]), 'bad-input');
});

test('gemm.f32 checks how its factors fit', () => {
  const plan = resolved(gemmF32, [f4('a', 2, 3), f4('b', 3, 4)]);
  assert.deepEqual(plan.outputs, [f4('c', 2, 4)]);
  assert.equal(plan.shardsMax, 8);
  assert.equal(reasonOf(gemmF32, [f4('a', 2, 3), f4('b', 4, 3)]), 'bad-input');
  assert.equal(reasonOf(gemmF32, [f4('a', 0, 3), f4('b', 3, 4)]), 'bad-input');
  assert.equal(reasonOf(gemmF32, [f4('a', 2, 3), f4('b', 3, 0)]), 'bad-input');
  assert.equal(reasonOf(gemmF32, [f4('a', 2, 0), f4('b', 0, 4)]), 'accepted');
  assert.equal(reasonOf(gemmF32, [f4('a', 2, 3), f4('b', 3, 4)], { x: 1 }), 'bad-parameter');
  // Each factor is small enough, the product is not.
  assert.equal(reasonOf(gemmF32, [f4('a', 2 ** 20, 1), f4('b', 1, 2 ** 20)]), 'bad-input');
});

test('gemm.f32 cuts rows first, then columns', () => {
  const plan = resolved(gemmF32, [f4('a', 3, 2), f4('b', 2, 5)]);
  const regions = (count: number) =>
    Array.from({ length: count }, (_, shard) => {
      const [region] = plan.regions(count, shard);
      return [...region!.offset, ...region!.shape].join(' ');
    });
  assert.deepEqual(regions(2), ['0 0 2 5', '2 0 1 5']);
  assert.deepEqual(regions(4), ['0 0 1 3', '0 3 1 2', '1 0 1 5', '2 0 1 5']);
});

test('gemm.f32 reads whole rows of a, and of b one range', () => {
  const plan = resolved(gemmF32, [f4('a', 4, 3), f4('b', 3, 5)]);
  assert.deepEqual(plan.reads(2, 1), [
    { input: 'a', offset: 24, length: 24 },
    { input: 'b', offset: 0, length: 60 },
  ]);
  // Shard 1 of 8 is row 0, columns 3 and 4: b from [0, 3] to [2, 4].
  assert.deepEqual(plan.regions(8, 1), [{ offset: [0, 3], shape: [1, 2] }]);
  assert.deepEqual(plan.reads(8, 1)[1], { input: 'b', offset: 12, length: 48 });
});

test('descriptions are JSON and complete', () => {
  for (const kernel of KERNELS) {
    const description = describeKernel(kernel);
    assert.deepEqual(JSON.parse(JSON.stringify(description)), description);
    assert.equal(description.digest, toHex(kernelDigest(kernel)));
    assert.equal(description.id, kernelId(kernel));
  }
});

test('a digest changes with meaning and not with prose', () => {
  const digest = toHex(kernelDigest(noop));
  assert.equal(toHex(kernelDigest({ ...noop, summary: 'other words' })), digest);
  for (const other of [
    { ...noop, name: 'noop2' },
    { ...noop, major: 2 },
    { ...noop, numericContract: 2 },
    { ...noop, planner: 2 },
    { ...noop, schema: { ...noop.schema, outputs: [] } },
  ]) {
    assert.notEqual(toHex(kernelDigest(other)), digest);
  }
});

test('manifests, digests and plans are those of the vectors', async () => {
  const file = new URL('../../vectors/kernels.json', import.meta.url);
  const vectors = JSON.parse(await readFile(file, 'utf8'));
  const ids = vectors.kernels.map((vector: { id: string }) => vector.id);
  assert.deepEqual(ids, KERNELS.map(kernelId));
  for (const vector of vectors.kernels) {
    const kernel = findKernel(vector.id)!;
    assert.deepEqual(kernelManifest(kernel), vector.manifest);
    assert.equal(toHex(encodeCanonical(kernelManifest(kernel))), vector.canonical);
    assert.equal(toHex(kernelDigest(kernel)), vector.digest);
  }
  for (const vector of vectors.plans) {
    const plan = resolved(findKernel(vector.kernel)!, vector.inputs, vector.parameters);
    assert.deepEqual(plan.outputs, vector.outputs);
    assert.equal(plan.shardsMax, vector.shardsMax);
    const shards = vector.shards.map((_: unknown, shard: number) => ({
      regions: plan.regions(vector.shardCount, shard),
      reads: plan.reads(vector.shardCount, shard),
    }));
    assert.deepEqual(shards, vector.shards);
  }
});
