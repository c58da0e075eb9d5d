import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { leafHash } from '../../../src/crypto/portable/merkle.ts';
import {
  type LeafOutput,
  type ResultLeaf,
  resultLeafBytes,
  resultLeafHashes,
} from '../../../src/job/ledger/results.ts';
import { DTYPES } from '../../../src/kernel/contract.ts';
import { encodeCanonical } from '../../../src/wire/cbor.ts';

const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
/** Every width of a CBOR integer, with its edges. */
const integers = fc.oneof(
  fc.constantFrom(0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1),
  fc.nat(),
);
const output: fc.Arbitrary<LeafOutput> = fc.record({
  name: fc.string({ unit: 'grapheme', maxLength: 300 }),
  dtype: fc.constantFrom(...DTYPES),
  region: fc.record({
    offset: fc.array(integers, { maxLength: 30 }),
    shape: fc.array(integers, { maxLength: 8 }),
  }),
  digest: bytesOf(32),
});
const leaf: fc.Arbitrary<ResultLeaf> = fc.record({
  shard: integers,
  outputs: fc.array(output, { maxLength: 30 }),
  workers: fc.array(bytesOf(38), { maxLength: 30 }),
});

test('leaf bytes are canonical DAG-CBOR, and hashed as RFC 6962 leaves', () => {
  fc.assert(
    fc.property(fc.array(leaf, { minLength: 1, maxLength: 3 }), (leaves) => {
      const encoded = leaves.map((each) => new Uint8Array(encodeCanonical(each)));
      assert.deepEqual(leaves.map(resultLeafBytes), encoded);
      const hashes = resultLeafHashes(leaves, leaves.length);
      encoded.forEach((bytes, i) => {
        assert.deepEqual(hashes.subarray(i * 32, i * 32 + 32), leafHash(bytes));
      });
    }),
    { numRuns: 200 },
  );
});
