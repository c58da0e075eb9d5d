import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readRange } from '../../../src/compute/kernel-call.ts';

const content = Uint8Array.from({ length: 64 }, (_, i) => i);

/** The content cut at these places; every piece a copy. */
function segmentsAt(cuts: readonly number[]) {
  const places = [0, ...cuts, content.length];
  return places
    .slice(0, -1)
    .map((offset, i) => ({ offset, bytes: content.slice(offset, places[i + 1]) }));
}

test('any range of any cutting is found', () => {
  const cuts = fc.uniqueArray(fc.nat({ max: 64 }), { maxLength: 6 });
  fc.assert(
    fc.property(cuts, fc.nat({ max: 64 }), fc.nat({ max: 64 }), (places, from, to) => {
      const [offset, end] = [Math.min(from, to), Math.max(from, to)];
      const segments = segmentsAt(places.sort((a, b) => a - b));
      const bytes = readRange(segments, { offset, length: end - offset });
      assert.deepEqual(bytes, content.slice(offset, end));
    }),
  );
});

test('a range inside one aligned segment is not copied', () => {
  const [segment] = segmentsAt([]);
  const bytes = readRange([segment!], { offset: 8, length: 16 });
  assert.equal(bytes?.buffer, segment!.bytes.buffer);
  const odd = readRange([segment!], { offset: 9, length: 16 });
  assert.notEqual(odd?.buffer, segment!.bytes.buffer);
});

test('a range that touches a missing segment is not found', () => {
  const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 63 }), { minLength: 1, maxLength: 8 });
  const cases = fc.tuple(cuts, fc.nat(), fc.nat({ max: 63 }), fc.nat({ max: 63 }));
  fc.assert(
    fc.property(cases, ([places, chosen, from, to]) => {
      const segments = segmentsAt(places.sort((a, b) => a - b));
      const [missing] = segments.splice(chosen % segments.length, 1);
      const [offset, end] = [Math.min(from, to), Math.max(from, to) + 1];
      const gapEnd = missing!.offset + missing!.bytes.length;
      const isWhole = end <= missing!.offset || offset >= gapEnd;
      const bytes = readRange(segments, { offset, length: end - offset });
      assert.deepEqual(bytes, isWhole ? content.slice(offset, end) : undefined);
    }),
    { numRuns: 500 },
  );
});

test('gaps and ends are noticed', () => {
  const [first, , third] = segmentsAt([16, 32]);
  assert.equal(readRange([first!, third!], { offset: 8, length: 32 }), undefined);
  assert.equal(readRange([first!], { offset: 8, length: 9 }), undefined);
  assert.equal(readRange([third!], { offset: 31, length: 2 }), undefined);
  assert.equal(readRange([], { offset: 0, length: 1 }), undefined);
});
