/** Who gives a seat away, to whom, and what it ends: rule 10 and "Epochs" of ledger.md. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  buildDeadline,
  buildOverdue,
  buildReplace,
  encodeRecord,
} from '../../../src/job/build-record.ts';
import { checkRecord } from '../../../src/job/ledger/check-record.ts';
import type { LedgerRecord } from '../../../src/job/records.ts';
import { ledgerApplication } from '../../../src/roles/ledger-application.ts';
import {
  firstEpoch,
  giveAway,
  payloadsOf,
  standInFor,
  type TestEpoch,
  wordOf,
} from '../../support/epochs.ts';
import { makeJob, signerNamed, type TestJob, workOf } from '../../support/job-factory.ts';

/** Four seats, window of six, so two may stand in; eight nodes that all may judge. */
const job = makeJob({ nodes: 8, shards: 2, policy: { replicas: 2, cadre: 4 } });
const begun = firstEpoch(job);
const { entry } = standInFor(job, begun, { seat: 2 });

function execute(made: TestJob, epoch: TestEpoch, records: readonly LedgerRecord[]) {
  const application = ledgerApplication(made.plan, {
    epoch: epoch.cadre.epoch,
    state: epoch.state,
  });
  return { application, ...application.execute(epoch.state, payloadsOf(made, epoch, records)) };
}

const reasonOf = (record: LedgerRecord, seats = begun.cadre.seats) => {
  const checked = checkRecord(job.plan, encodeRecord(record).bytes, seats);
  return checked.ok ? 'ok' : checked.reason;
};

test('f + 1 equal words give the seat away, and the block claims the next cadre', () => {
  const one = execute(job, begun, [wordOf(job, begun, 0, entry)]);
  assert.ok(one.ok);
  assert.deepEqual(one.value.state.ledger.standIns, []);
  assert.equal(one.value.nextCadreRoot, undefined);
  const two = execute(job, { ...begun, state: one.value.state }, [wordOf(job, begun, 3, entry)]);
  assert.ok(two.ok);
  const next = giveAway(job, begun, 2);
  assert.deepEqual(two.value.nextCadreRoot, next.cadre.cadreRoot);
  assert.deepEqual(two.value.state.events, [
    { kind: 'replaced', epoch: 1, seat: 2, node: entry.node },
  ]);
  assert.deepEqual(next.cadre.seats[2], entry);
  for (const seat of [0, 1, 3]) assert.equal(next.cadre.seats[seat], job.plan.seats[seat]);
});

test('words for different nodes, or of one seat alone, do not add up', () => {
  const other = standInFor(job, begun, { seat: 2, nth: 1 }).entry;
  const apart = execute(job, begun, [
    wordOf(job, begun, 0, entry),
    wordOf(job, begun, 1, other),
    wordOf(job, begun, 0, other),
    wordOf(job, begun, 3, entry),
  ]);
  assert.equal(apart.ok, false, 'the third gives the seat to the other: nothing may follow');
  const split = execute(job, begun, [wordOf(job, begun, 0, entry), wordOf(job, begun, 1, other)]);
  assert.ok(split.ok && split.value.nextCadreRoot === undefined);
  const twice = execute(job, begun, [wordOf(job, begun, 0, entry), wordOf(job, begun, 0, entry)]);
  assert.equal(!twice.ok && twice.reason, 'no-effect');
});

test('a seat speaks for a node once in an epoch, for whichever seat', () => {
  const elsewhere = standInFor(job, begun, { seat: 1 }).entry;
  const both = execute(job, begun, [
    wordOf(job, begun, 0, entry),
    wordOf(job, begun, 0, elsewhere),
  ]);
  assert.equal(!both.ok && both.reason, 'no-effect');
});

test('nothing follows what ends an epoch, in its block or after it', () => {
  const words = [0, 1].map((seat) => wordOf(job, begun, seat, entry));
  const { seal } = workOf(job, { worker: job.plan.workers[0]!, shards: [0] });
  const late = execute(job, begun, [...words, seal.record]);
  assert.equal(!late.ok && late.reason, 'no-effect');
  const over = execute(job, begun, words);
  assert.ok(over.ok);
  const { application, value } = over;
  assert.ok(application.isFinal(value.state));
  const [payload] = payloadsOf(job, begun, [seal.record]);
  const after = application.execute(value.state, [payload!]);
  assert.equal(!after.ok && after.reason, 'epoch-over');
  const empty = application.execute(value.state, []);
  assert.deepEqual(empty.ok && empty.value.nextCadreRoot, value.nextCadreRoot);
});

test('in the next epoch the job goes on, and only words of that epoch count', () => {
  const next = giveAway(job, begun, 2);
  const { application } = execute(job, next, []);
  assert.ok(!application.isFinal(next.state));
  const { seal } = workOf(job, { worker: job.plan.workers[0]!, shards: [0] });
  assert.ok(execute(job, next, [seal.record]).ok);
  const again = standInFor(job, next, { seat: 0 }).entry;
  const stale = buildReplace({ seat: 1, signer: next.keys[1] }, scopeOf(0), again);
  const refused = execute(job, next, [stale]);
  assert.equal(!refused.ok && refused.reason, 'no-effect');
  assert.ok(execute(job, next, [wordOf(job, next, 1, again)]).ok);
  const back = execute(job, next, [wordOf(job, next, 1, entry)]);
  assert.equal(!back.ok && back.reason, 'no-effect', 'nobody sits twice');
});

const scopeOf = (epoch: number) => ({ planId: job.plan.planId, epoch });

test('what the former member of a seat said as a mark counts no more', () => {
  const deadline = (epoch: TestEpoch, seat: number) =>
    buildDeadline({ seat, signer: epoch.keys[seat] }, job.plan.planId);
  const next = giveAway(job, begun, 2, [deadline(begun, 2)]);
  const one = execute(job, next, [deadline(next, 0)]);
  assert.ok(one.ok);
  assert.equal(one.value.state.ledger.failure, undefined, 'one seat of now has marked');
  const two = execute(job, { ...next, state: one.value.state }, [deadline(next, 2)]);
  assert.equal(two.ok && two.value.state.ledger.failure?.code, 'DEADLINE_PASSED');
});

test('a worker is overdue by the marks of those who sit now', () => {
  const scope = { planId: job.plan.planId, wave: 0, shards: [0] };
  const worker = job.plan.nodes[job.plan.workers[job.plan.placement.firstWave(0)[0]!]!]!;
  const mark = (epoch: TestEpoch, seat: number) =>
    buildOverdue({ seat, signer: epoch.keys[seat] }, scope, { worker, phase: 'seal' });
  const next = giveAway(job, begun, 2, [mark(begun, 2)]);
  const one = execute(job, next, [mark(next, 0)]);
  assert.ok(one.ok);
  assert.deepEqual(one.value.state.ledger.retries, []);
  const two = execute(job, { ...next, state: one.value.state }, [mark(next, 2)]);
  assert.ok(two.ok);
  assert.deepEqual(
    two.value.state.ledger.retries.map(({ reason }) => reason),
    ['overdue'],
  );
});

test('marks are checked with the keys that seats have in their epoch', () => {
  const next = giveAway(job, begun, 2);
  const old = buildDeadline({ seat: 2, signer: begun.keys[2] }, job.plan.planId);
  assert.equal(reasonOf(old), 'ok');
  assert.equal(reasonOf(old, next.cadre.seats), 'bad-signature');
  const fresh = buildDeadline({ seat: 2, signer: next.keys[2] }, job.plan.planId);
  assert.equal(reasonOf(fresh, next.cadre.seats), 'ok');
});

test('an entry that cannot be a stand-in is refused whatever the ledger says', () => {
  const word = (bent: Partial<typeof entry>) => wordOf(job, begun, 0, { ...entry, ...bent });
  assert.equal(reasonOf(word({})), 'ok');
  assert.equal(reasonOf(word({ seat: 4 })), 'unknown-seat');
  assert.equal(reasonOf(word({ node: signerNamed('nobody').nodeId })), 'outside-window');
  const last = job.plan.nodes[job.plan.cadreRanks.at(-1)!]!;
  assert.equal(reasonOf(word({ node: last })), 'outside-window');
  assert.equal(reasonOf(word({ key: new Uint8Array(32) })), 'bad-cadre-key');
  assert.equal(reasonOf(word({ seat: 1 })), 'bad-cadre-signature');
  const seated = job.plan.seats[3]!;
  const again = execute(job, begun, [wordOf(job, begun, 0, { ...seated })]);
  assert.equal(!again.ok && again.reason, 'no-effect');
});
