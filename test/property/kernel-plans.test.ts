/** Laws of every kernel's plan, for any shape and any possible shard count. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cutRegion, placeRegion } from '../../src/kernel/assemble.ts';
import { arrayBytes, elementCount, type ResolvedKernel } from '../../src/kernel/contract.ts';
import { KERNELS } from '../../src/kernel/registry.ts';
import { pieceHolding, pieceOf } from '../../src/kernel/split.ts';
import { APPLICATIONS } from '../support/kernel-plans.ts';

interface Plan {
  readonly resolved: ResolvedKernel;
  readonly shardCount: number;
}

function planOf(name: string): fc.Arbitrary<Plan> {
  const kernel = KERNELS.find((candidate) => candidate.name === name)!;
  return APPLICATIONS[name]!.chain(({ parameters, inputs }) => {
    const checked = kernel.resolve(parameters, inputs);
    assert.ok(checked.ok, checked.ok ? '' : checked.detail);
    const resolved = checked.value;
    const counts = fc.integer({ min: 1, max: resolved.shardsMax });
    return counts.map((shardCount) => ({ resolved, shardCount }));
  });
}

test('every kernel has plans to test', () => {
  assert.deepEqual(KERNELS.map(({ name }) => name).sort(), Object.keys(APPLICATIONS).sort());
});

for (const { name } of KERNELS) {
  test(`${name}: regions tile each output exactly, none is empty`, () => {
    fc.assert(
      fc.property(planOf(name), ({ resolved, shardCount }) => {
        for (const [i, output] of resolved.outputs.entries()) {
          const whole = new Uint8Array(arrayBytes(output));
          for (let shard = 0; shard < shardCount; shard++) {
            const region = resolved.regions(shardCount, shard)[i]!;
            const marked = cutRegion(whole, output, region);
            assert.ok(elementCount(region.shape) > 0);
            assert.ok(
              marked.every((byte) => byte === 0),
              'no overlap',
            );
            placeRegion(whole, output, region, marked.fill(1));
          }
          assert.ok(
            whole.every((byte) => byte === 1),
            'no gap',
          );
        }
      }),
      { numRuns: 300 },
    );
  });

  test(`${name}: what shards read exists`, () => {
    fc.assert(
      fc.property(planOf(name), ({ resolved, shardCount }) => {
        for (let shard = 0; shard < shardCount; shard++) {
          assert.ok(resolved.cost(shardCount, shard).operations >= 0);
          for (const { input, offset, length } of resolved.reads(shardCount, shard)) {
            const spec = resolved.inputs.find((candidate) => candidate.name === input);
            assert.ok(spec !== undefined && length > 0 && offset >= 0);
            assert.ok(offset + length <= arrayBytes(spec));
          }
        }
      }),
      { numRuns: 200 },
    );
  });
}

test('gemm.f32 reads every element that its chains use', () => {
  fc.assert(
    fc.property(planOf('gemm.f32'), ({ resolved, shardCount }) => {
      const k = resolved.inputs[0]!.shape[1]!;
      const n = resolved.inputs[1]!.shape[1]!;
      for (let shard = 0; shard < shardCount; shard++) {
        const [region] = resolved.regions(shardCount, shard);
        const [row, column] = region!.offset as [number, number];
        const [rows, columns] = region!.shape as [number, number];
        const reads = resolved.reads(shardCount, shard);
        const isRead = (input: string, element: number) =>
          reads.some(
            (range) =>
              range.input === input &&
              range.offset <= element * 4 &&
              element * 4 + 4 <= range.offset + range.length,
          );
        for (let p = 0; p < k; p++) {
          for (let i = row; i < row + rows; i++) assert.ok(isRead('a', i * k + p));
          for (let j = column; j < column + columns; j++) assert.ok(isRead('b', p * n + j));
        }
      }
    }),
    { numRuns: 60 },
  );
});

test('pieces are contiguous, near-even, and found again', () => {
  const cases = fc
    .integer({ min: 1, max: 2 ** 40 })
    .chain((length) =>
      fc.tuple(fc.constant(length), fc.integer({ min: 1, max: Math.min(length, 500) })),
    );
  fc.assert(
    fc.property(cases, ([length, parts]) => {
      let end = 0;
      for (let index = 0; index < parts; index++) {
        const piece = pieceOf(length, parts, index);
        assert.equal(piece.offset, end);
        assert.ok(Math.abs(piece.length - length / parts) < 1);
        assert.deepEqual(pieceHolding(length, parts, end), { index, within: 0 });
        end += piece.length;
        const last = { index, within: piece.length - 1 };
        assert.deepEqual(pieceHolding(length, parts, end - 1), last);
      }
      assert.equal(end, length);
    }),
    { numRuns: 100 },
  );
});

test('cutting a region and placing it back changes nothing, in any rank', () => {
  const boxes = fc.array(fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 3 }), fc.nat({ max: 2 })), {
    maxLength: 4,
  });
  fc.assert(
    fc.property(boxes, (axes) => {
      const shape = axes.map(([before, length, after]) => before + length + after);
      const region = { offset: axes.map(([b]) => b), shape: axes.map(([, length]) => length) };
      const array = { dtype: '<u4', shape } as const;
      const whole = Uint8Array.from({ length: arrayBytes(array) }, (_, i) => i & 0xff);
      const content = cutRegion(whole, array, region);
      // By the definition of C order, element by element.
      const naive: number[] = [];
      const visit = (axis: number, index: number): void => {
        if (axis === axes.length) naive.push(...whole.subarray(index * 4, index * 4 + 4));
        else {
          for (let i = 0; i < region.shape[axis]!; i++) {
            visit(axis + 1, index * shape[axis]! + region.offset[axis]! + i);
          }
        }
      };
      visit(0, 0);
      assert.deepEqual([...content], naive);
      const target = new Uint8Array(whole.length);
      placeRegion(target, array, region, content);
      assert.deepEqual(cutRegion(target, array, region), content);
    }),
    { numRuns: 300 },
  );
});
