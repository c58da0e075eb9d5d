/** Hostile bytes into the record checker: every answer is a verdict, never an exception. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeRecord } from '../../src/job/build-record.ts';
import { checkRecord } from '../../src/job/ledger/check-record.ts';
import { encodeCanonical } from '../../src/wire/cbor.ts';
import {
  cancelOf,
  deadlineOf,
  makeJob,
  overdueOf,
  refusalOf,
  workOf,
} from '../support/job-factory.ts';

const job = makeJob({ nodes: 11, shards: 4 });
const worker = job.plan.workers[1]!;
const work = workOf(job, { worker, shards: [0, 2, 3] });
const records = [
  work.seal,
  work.reveal,
  refusalOf(job, { worker, shards: [1] }),
  overdueOf(job, 1, 'reveal', { worker, shards: [1, 2] }),
  deadlineOf(job, 2),
  cancelOf(job),
].map(({ record }) => record);

test('random bytes are refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      assert.equal(checkRecord(job.plan, bytes).ok, false);
    }),
    { numRuns: 5000 },
  );
});

test('records with bytes changed, cut or added are refused, or reveals that open nothing', () => {
  const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(
      fc.constantFrom(...records),
      edits,
      fc.integer({ min: -2, max: 2 }),
      (record, changes, grow) => {
        const { bytes } = encodeRecord(record);
        const mutated = new Uint8Array(Math.max(0, bytes.length + grow));
        mutated.set(bytes.subarray(0, mutated.length));
        for (const [at, value] of changes) mutated[at % mutated.length] = value;
        const checked = checkRecord(job.plan, mutated);
        if (!checked.ok || Buffer.compare(mutated, bytes) === 0) return;
        assert.equal(checked.value.kind, 'reveal');
      },
    ),
    { numRuns: 600 },
  );
});

test('records with fields replaced by anything are refused', () => {
  const anything = fc.anything({ withTypedArray: true, withBigInt: false, maxDepth: 2 });
  fc.assert(
    fc.property(fc.constantFrom(...records), fc.nat(), anything, (record, at, value) => {
      const names = Object.keys(record);
      const name = names[at % names.length]!;
      let bytes: Uint8Array;
      try {
        bytes = encodeCanonical({ ...record, [name]: value });
      } catch {
        return;
      }
      // Anything may happen to be what stood there.
      if (Buffer.compare(bytes, encodeRecord(record).bytes) === 0) return;
      const checked = checkRecord(job.plan, bytes);
      assert.equal(checked.ok && checked.value.kind !== 'reveal', false);
    }),
    { numRuns: 1500 },
  );
});
