import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  floatsOf,
  sampleArray,
  sampleRequest,
} from '../../../../src/compute/kernels/kernel-code.ts';
import { JsExecutor } from '../../../../src/compute/local-executor.ts';
import type { SampleKind } from '../../../../src/compute/sample-input.ts';
import { foldPartials } from '../../../../src/kernel/fixed-tree.ts';

const js = new JsExecutor();

async function reduced(
  op: string,
  level: number,
  length: number,
  kind: SampleKind = 'moderate',
): Promise<Float32Array> {
  const inputs = [sampleArray('x', kind, [length], 3)];
  const request = sampleRequest({ kernel: 'reduce@1', parameters: { op, level }, inputs });
  const [result] = await js.run(request);
  return floatsOf(result!.outputs[0]!.content);
}

/** Section 4 of the numeric contract, read literally, on a list of present lanes. */
function treeSum(values: readonly number[]): number {
  const sums: number[] = [];
  for (let at = 0; at < values.length; at += 4096) {
    const chunk = values.slice(at, at + 4096);
    const lanes = new Map<number, number>();
    for (const [i, value] of chunk.entries()) {
      const sum = lanes.get(i % 256);
      lanes.set(i % 256, sum === undefined ? value : Math.fround(sum + value));
    }
    for (const width of [128, 64, 32, 16, 8, 4, 2, 1]) {
      for (let l = 0; l < width; l++) {
        const partner = lanes.get(l + width);
        if (partner !== undefined) lanes.set(l, Math.fround(lanes.get(l)! + partner));
      }
    }
    sums.push(lanes.get(0)!);
  }
  return sums.length === 1 ? sums[0]! : treeSum(sums);
}

test('the sum is the tree of the contract', async () => {
  for (const length of [1, 2, 129, 256, 300, 4096, 4097, 20_000]) {
    const x = floatsOf(sampleArray('x', 'moderate', [length], 3).segments[0]!.bytes);
    const [sum] = await reduced('sum', 3, length);
    assert.ok(Object.is(sum, treeSum([...x])), `${length}`);
  }
});

test('outputs are subtrees: folding them on gives the bits of folding at once', async () => {
  for (const op of ['sum', 'min', 'max', 'product'] as const) {
    for (const length of [4096, 4096 * 5 + 17, 4096 * 300 + 1]) {
      const [whole] = await reduced(op, 3, length);
      const partials = await reduced(op, 1, length);
      assert.equal(partials.length, Math.ceil(length / 4096));
      assert.ok(Object.is(foldPartials(op, partials), whole), `${op} ${length}`);
    }
  }
});

test('minimum and maximum are those of all elements; a NaN wins', async () => {
  const x = floatsOf(sampleArray('x', 'moderate', [9000], 3).segments[0]!.bytes);
  assert.deepEqual([...(await reduced('min', 3, 9000))], [Math.min(...x)]);
  assert.deepEqual([...(await reduced('max', 3, 9000))], [Math.max(...x)]);
  const [most] = new Uint32Array((await reduced('max', 1, 2000, 'any-bits')).slice().buffer);
  assert.equal(most, 0x7fc00000);
});
