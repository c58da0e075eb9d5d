import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeCertificate } from '../../src/certificate/format.ts';
import { tilesExactly } from '../../src/certificate/tiling.ts';
import type { Region } from '../../src/kernel/contract.ts';
import { verify } from '../../src/verify.ts';
import { makeCertificate } from '../support/certificate-factory.ts';
import { withPart } from '../support/certificate-vectors.ts';

const recipes = fc
  .record({
    label: fc.string({ maxLength: 8 }),
    cadre: fc.integer({ min: 1, max: 5 }),
    replicas: fc.integer({ min: 1, max: 3 }),
    spare: fc.integer({ min: 0, max: 6 }),
    shards: fc.integer({ min: 1, max: 9 }),
    skip: fc.boolean(),
    receipts: fc.boolean(),
    whole: fc.boolean(),
  })
  .map(({ spare, skip, ...rest }) => ({
    ...rest,
    quorum: Math.min(2, rest.replicas),
    nodes: rest.cadre + rest.replicas + 1 + spare,
    skipped: skip ? [0] : [],
  }));

test('whatever job was certified verifies, with its outputs', async () => {
  await fc.assert(
    fc.asyncProperty(recipes, async ({ whole, ...recipe }) => {
      const made = makeCertificate(recipe);
      const bytes = whole ? made.bytes : encodeCertificate(withPart(made.certificate));
      const verdict = await verify(bytes, { outputs: made.outputs });
      assert.ok(verdict.valid, JSON.stringify(verdict));
      assert.equal(verdict.receipts, recipe.receipts ? 'checked' : 'attested');
      assert.deepEqual(verdict.skipped, recipe.skipped);
      assert.equal(verdict.cadre.signers.length, recipe.cadre);
    }),
    { numRuns: 60, seed: 20_260_101 },
  );
});

/** Cover counted element by element. */
function tilesByCounting(shape: readonly number[], regions: readonly Region[]): boolean {
  const [rows, columns] = shape as [number, number];
  const cover = new Array<number>(rows * columns).fill(0);
  for (const { offset, shape: extent } of regions) {
    for (let r = 0; r < extent[0]!; r++) {
      for (let c = 0; c < extent[1]!; c++) {
        cover[(offset[0]! + r) * columns + offset[1]! + c]! += 1;
      }
    }
  }
  return cover.every((times) => times === 1);
}

const interval = fc
  .tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 4 }))
  .map(([a, b]) => ({ from: Math.min(a, b), length: Math.abs(a - b) }));
const boxes = fc.array(
  fc.tuple(interval, interval).map(([r, c]) => ({
    offset: [r.from, c.from],
    shape: [r.length, c.length],
  })),
  { maxLength: 6 },
);

/** Cuts the 4 x 4 square again and again: always a tiling. */
const cuts = fc.array(fc.tuple(fc.nat(), fc.boolean(), fc.nat()), { maxLength: 6 }).map((steps) => {
  const regions: Region[] = [{ offset: [0, 0], shape: [4, 4] }];
  for (const [which, byRow, where] of steps) {
    const at = which % regions.length;
    const { offset, shape } = regions[at]!;
    const d = byRow ? 0 : 1;
    const first = where % (shape[d]! + 1);
    const cut = (start: number, length: number): Region => ({
      offset: offset.map((value, i) => (i === d ? value + start : value)),
      shape: shape.map((value, i) => (i === d ? length : value)),
    });
    regions.splice(at, 1, cut(0, first), cut(first, shape[d]! - first));
  }
  return regions;
});

test('corners decide tiling as counting every element does', () => {
  const agrees = (regions: readonly Region[]) =>
    assert.equal(tilesExactly([4, 4], regions), tilesByCounting([4, 4], regions));
  fc.assert(fc.property(boxes, agrees), { numRuns: 3000, seed: 1 });
  fc.assert(
    fc.property(cuts, (regions) => {
      assert.ok(tilesExactly([4, 4], regions));
      agrees(regions.slice(1));
    }),
    { numRuns: 1000, seed: 2 },
  );
});
