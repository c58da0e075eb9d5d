import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concatBytes, u64 } from '../../../src/base/bytes.ts';
import { countedRoot } from '../../../src/crypto/portable/hash.ts';
import { leafHash, treeHash } from '../../../src/crypto/portable/merkle.ts';
import {
  buildDeadline,
  buildOverdue,
  buildSeal,
  encodeRecord,
  UNSIGNED,
} from '../../../src/job/build-record.ts';
import { checkRecord } from '../../../src/job/ledger/check-record.ts';
import {
  type LedgerRecord,
  sealBatchRoot,
  sealedTuple,
  sealLeaves,
  shardResultDigest,
} from '../../../src/job/records.ts';
import { sealBatch } from '../../../src/job/sealing.ts';
import { packShards } from '../../../src/job/shard-list.ts';
import { TAGS } from '../../../src/wire/tags.ts';
import {
  cancelOf,
  deadlineOf,
  digestOf,
  makeJob,
  overdueOf,
  refusalOf,
  signerNamed,
  workOf,
} from '../../support/job-factory.ts';

const job = makeJob({ nodes: 11, shards: 5 });
const { plan } = job;
const worker = plan.workers[0]!;
const { seal, reveal } = workOf(job, { worker, shards: [1, 3] });

function reasonOf(record: unknown): string {
  const result = checkRecord(plan, encodeRecord(record as LedgerRecord).bytes);
  return result.ok ? 'accepted' : result.reason;
}

test('every kind of record passes the wire with its id and its shards', () => {
  for (const record of [
    seal,
    reveal,
    refusalOf(job, { worker, shards: [0, 4] }),
    overdueOf(job, 2, 'seal', { worker, shards: [2] }),
    deadlineOf(job, 0),
    cancelOf(job),
  ]) {
    const encoded = encodeRecord(record.record);
    assert.deepEqual(record.id, encoded.id);
    assert.equal(reasonOf(record.record), 'accepted');
  }
  assert.deepEqual(seal.shards, [1, 3]);
  assert.equal(seal.candidate, 0);
  assert.equal(cancelOf(job).candidate, -1);
});

test('records of another plan, of strangers and of unknown seats are refused', () => {
  const stranger = signerNamed('stranger');
  const elsewhere = { ...seal.record, planId: digestOf(0) };
  assert.equal(reasonOf(elsewhere), 'wrong-plan');
  const scope = { planId: plan.planId, wave: 0, shards: [0] };
  assert.equal(reasonOf(buildSeal(stranger, scope, digestOf(0))), 'unknown-worker');
  const seated = plan.seats[0]!.node;
  assert.equal(reasonOf({ ...seal.record, worker: seated }), 'unknown-worker');
  const marker = { seat: 4, signer: stranger };
  const late = { worker: plan.nodes[worker]!, phase: 'seal' as const };
  assert.equal(reasonOf(buildOverdue(marker, scope, late)), 'unknown-seat');
  assert.equal(
    reasonOf(buildDeadline({ seat: 1, signer: stranger }, plan.planId)),
    'bad-signature',
  );
  const unsigned = buildDeadline({ seat: 1, signer: undefined }, plan.planId);
  assert.equal(reasonOf(unsigned), 'bad-signature');
});

test('signatures bind every field of what is signed', () => {
  const { record } = seal;
  assert.ok(record.kind === 'seal');
  assert.equal(reasonOf({ ...record, wave: 1 }), 'bad-signature');
  // Handed on under another shard it would make its worker contradict itself there.
  assert.equal(reasonOf({ ...record, shards: packShards([0, 3]) }), 'bad-signature');
  assert.equal(reasonOf({ ...record, tuples: record.tuples.toReversed() }), 'bad-signature');
  const other = plan.nodes[plan.workers[1]!]!;
  assert.equal(reasonOf({ ...record, worker: other }), 'bad-signature');
  const refusal = refusalOf(job, { worker, shards: [0] }).record;
  assert.equal(reasonOf({ ...refusal, reason: 'draining' }), 'bad-signature');
  assert.equal(reasonOf({ ...refusal, shards: packShards([1]) }), 'bad-signature');
  assert.equal(reasonOf({ ...refusal, detail: 'x' }), 'bad-signature');
  const mark = overdueOf(job, 2, 'seal', { worker, shards: [2] }).record;
  assert.equal(reasonOf({ ...mark, phase: 'reveal' }), 'bad-signature');
  assert.equal(reasonOf({ ...mark, seat: 1 }), 'bad-signature');
  assert.equal(reasonOf({ ...cancelOf(job).record, signature: UNSIGNED }), 'bad-signature');
});

test('lengths and shard lists are bounded', () => {
  const { record } = seal;
  assert.ok(record.kind === 'seal' && reveal.record.kind === 'reveal');
  assert.equal(reasonOf({ ...record, shards: packShards([3, 1]) }), 'bad-shard-list');
  assert.equal(reasonOf({ ...record, shards: packShards([1, 1]) }), 'bad-shard-list');
  assert.equal(reasonOf({ ...record, shards: packShards([1, 5]) }), 'bad-shard-list');
  assert.equal(reasonOf({ ...record, shards: packShards([]) }), 'bad-shard-list');
  assert.equal(reasonOf({ ...record, shards: packShards([1]) }), 'wrong-length');
  assert.equal(reasonOf({ ...record, tuples: new Uint8Array(33) }), 'wrong-shape');
  const { salts, digests } = reveal.record;
  assert.equal(reasonOf({ ...reveal.record, salts: salts.slice(16) }), 'wrong-length');
  assert.equal(reasonOf({ ...reveal.record, digests: digests.slice(32) }), 'wrong-length');
  const doubled = concatBytes([digests, digests]);
  assert.equal(reasonOf({ ...reveal.record, digests: doubled }), 'wrong-length');
  assert.equal(reasonOf({ ...record, extra: 1 }), 'wrong-shape');
  const { bytes } = encodeRecord(record);
  const trailing = checkRecord(plan, concatBytes([bytes, new Uint8Array(1)]));
  assert.equal(trailing.ok || trailing.reason, 'malformed');
});

test('without a cadre, marks are seat 0’s and carry zeros', () => {
  const alone = makeJob({ nodes: 4, shards: 5, policy: { cadre: 0 } });
  const check = (record: LedgerRecord) => {
    const result = checkRecord(alone.plan, encodeRecord(record).bytes);
    return result.ok ? 'accepted' : result.reason;
  };
  const { planId } = alone.plan;
  const signer = signerNamed('seat 0');
  assert.equal(check(buildDeadline({ seat: 0, signer: undefined }, planId)), 'accepted');
  assert.equal(check(buildDeadline({ seat: 0, signer }, planId)), 'bad-signature');
  assert.equal(check(buildDeadline({ seat: 1, signer: undefined }, planId)), 'unknown-seat');
});

test('a batch hashes to what the definitions say, for several outputs per shard', () => {
  const shards = [0, 7, 4_000_000_000];
  const salts = Uint8Array.from({ length: 48 }, (_, i) => i);
  const digests = Uint8Array.from({ length: 3 * 64 }, (_, i) => i);
  const node = plan.nodes[worker]!;
  const init = { planId: plan.planId, worker: node, shards, salts, digests };
  const { results, tuples } = sealBatch(init);
  shards.forEach((shard, i) => {
    const result = shardResultDigest(digests.subarray(i * 64, i * 64 + 64));
    assert.deepEqual(results.subarray(i * 32, i * 32 + 32), result);
    const salt = salts.subarray(i * 16, i * 16 + 16);
    const tuple = sealedTuple(result, node, { planId: plan.planId, shard }, salt);
    assert.deepEqual(tuples.subarray(i * 32, i * 32 + 32), tuple);
  });
  const leaves = shards.map((shard, i) =>
    leafHash(concatBytes([u64(shard), tuples.subarray(i * 32, i * 32 + 32)])),
  );
  const root = countedRoot(TAGS.sealBatch, 3, treeHash(leaves));
  assert.deepEqual(sealBatchRoot(sealLeaves(shards, tuples)), root);
});
