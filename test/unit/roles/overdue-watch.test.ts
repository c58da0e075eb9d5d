import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KadreError } from '../../../src/base/errors.ts';
import type { Awaited } from '../../../src/job/ledger/read-ledger.ts';
import { encodeMessage } from '../../../src/roles/job-messages.ts';
import { OverdueWatch } from '../../../src/roles/overdue-watch.ts';
import { SimHub } from '../../../src/sim/sim-hub.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';
import { makeJob } from '../../support/job-factory.ts';

const policy = { cadre: 1, sealMs: 10_000, revealMs: 4_000, deadlineMs: 60_000 };
const job = makeJob({ nodes: 4, shards: 8, policy });
const SEAL: Awaited = { phase: 'seal', wave: 0, worker: 0, shards: [0, 1, 2] };
const REVEAL: Awaited = { phase: 'reveal', wave: 0, worker: 0, shards: [0, 1] };

/** A watch, the marks that came out of it, and the worker it watches. */
function watching() {
  const clock = new VirtualClock();
  const hub = new SimHub({ clock });
  const network = hub.join();
  const worker = hub.join(job.identity(0).peerId);
  const log: string[] = [];
  const assigned: (readonly number[])[] = [];
  const reminders: string[] = [];
  const probes = { count: 0, isAlive: true, isSilent: false, isNew: false, takes: true };
  worker.handle('job', {
    request: async () => {
      probes.count += 1;
      if (probes.isSilent) return new Promise<never>(() => {});
      if (probes.isNew) throw new KadreError({ code: 'JOB_UNKNOWN' }, 'just restarted');
      if (!probes.isAlive) throw new Error('this plan is not worked on here');
      return encodeMessage({ t: 'ok' });
    },
  });
  const watch = new OverdueWatch(
    {
      network,
      clock,
      assign: async ({ shards }) => {
        assigned.push(shards);
        return probes.takes;
      },
      remind: ({ phase, shards }) => reminders.push(`${phase} ${shards}`),
      onOverdue: ({ phase, shards }) => log.push(`${phase} ${shards}`),
      onDeadline: () => log.push('deadline'),
    },
    job.plan,
  );
  watch.start();
  return { clock, watch, log, probes, network, worker, assigned, reminders };
}

test('whoever has not sealed in time is late, with what is still awaited only', async () => {
  const { clock, watch, log } = watching();
  watch.update([SEAL]);
  await clock.advance(9_999);
  watch.update([{ ...SEAL, shards: [1] }]);
  assert.deepEqual(log, []);
  await clock.advance(1);
  assert.deepEqual(log, ['seal 1']);
});

test('shards that are awaited later get the whole time', async () => {
  const { clock, watch, log } = watching();
  watch.update([{ ...SEAL, shards: [0] }]);
  await clock.advance(5_000);
  watch.update([{ ...SEAL, shards: [0, 1] }]);
  await clock.advance(5_000);
  assert.deepEqual(log, ['seal 0']);
  await clock.advance(5_000);
  assert.deepEqual(log, ['seal 0', 'seal 1']);
});

test('reveals have their own, shorter time', async () => {
  const { clock, watch, log } = watching();
  watch.update([SEAL]);
  watch.update([REVEAL]);
  await clock.advance(4_000);
  assert.deepEqual(log, ['reveal 0,1']);
  await clock.advance(20_000);
  assert.deepEqual(log, ['reveal 0,1'], 'a mark is made once');
});

test('half of the time to reveal over, the worker is told once more that it may', async () => {
  const { clock, watch, log, reminders } = watching();
  watch.update([REVEAL]);
  await clock.advance(1_999);
  watch.update([{ ...REVEAL, shards: [1] }]);
  assert.deepEqual(reminders, []);
  await clock.advance(1);
  assert.deepEqual([reminders, log], [['reveal 1'], []]);
  await clock.advance(20_000);
  assert.deepEqual([reminders, log], [['reveal 1'], ['reveal 1']]);
});

test('whoever revealed in time is not reminded', async () => {
  const { clock, watch, log, reminders } = watching();
  watch.update([REVEAL]);
  watch.update([]);
  await clock.advance(20_000);
  assert.deepEqual([reminders, log], [[], []]);
});

test('after a standstill everybody has the whole time again, whoever was marked too', async () => {
  const { clock, watch, log } = watching();
  watch.update([REVEAL, { ...SEAL, wave: 1 }]);
  await clock.advance(4_000);
  assert.deepEqual(log, ['reveal 0,1']);
  watch.restart([REVEAL, { ...SEAL, wave: 1 }]);
  await clock.advance(3_999);
  assert.deepEqual(log, ['reveal 0,1']);
  await clock.advance(1);
  assert.deepEqual(log, ['reveal 0,1', 'reveal 0,1']);
  await clock.advance(5_999);
  assert.equal(log.length, 2, 'its first time would be over long since');
  await clock.advance(1);
  assert.deepEqual(log.slice(2), ['seal 0,1,2']);
});

test('a suspect that answers is not late; one that does not is, at once', async () => {
  const { clock, watch, log, probes } = watching();
  watch.update([SEAL]);
  watch.suspect(0);
  await clock.advance(10);
  assert.deepEqual([log, probes.count], [[], 1]);
  probes.isAlive = false;
  watch.suspect(0);
  await clock.advance(10);
  assert.deepEqual(log, ['seal 0,1,2']);
});

test('a suspect that says nothing is late after the time of a probe', async () => {
  const { clock, watch, log, probes } = watching();
  probes.isSilent = true;
  watch.update([SEAL]);
  watch.suspect(0);
  watch.suspect(0);
  await clock.advance(1_499);
  assert.deepEqual([log, probes.count], [[], 1], 'one probe at a time');
  await clock.advance(1);
  assert.deepEqual(log, ['seal 0,1,2']);
});

test('a lost connection is a reason to look', async () => {
  const { clock, watch, log, worker, network } = watching();
  await network.request(worker.self, 'job', encodeMessage({ t: 'ok' }));
  watch.update([SEAL]);
  worker.stop();
  await clock.advance(10);
  assert.deepEqual(log, ['seal 0,1,2']);
});

test('who was found dead is probed again at once for what it owes next', async () => {
  const { clock, watch, log, probes } = watching();
  probes.isAlive = false;
  watch.update([{ ...SEAL, shards: [2] }]);
  watch.suspect(0);
  await clock.advance(10);
  const next = { ...SEAL, wave: 1, shards: [0, 1] };
  watch.update([{ ...SEAL, shards: [2] }, next]);
  await clock.advance(10);
  assert.deepEqual(log, ['seal 2', 'seal 0,1']);
  const { count } = probes;
  watch.update([{ ...SEAL, shards: [2] }, next]);
  await clock.advance(10);
  assert.equal(probes.count, count, 'who owes nothing new is left alone');
});

test('who came back is given its time again', async () => {
  const { clock, watch, log, probes } = watching();
  probes.isAlive = false;
  watch.update([{ ...SEAL, shards: [2] }]);
  watch.suspect(0);
  await clock.advance(10);
  probes.isAlive = true;
  watch.update([REVEAL]);
  await clock.advance(10);
  watch.update([REVEAL, { ...REVEAL, wave: 1 }]);
  await clock.advance(10);
  assert.deepEqual([log, probes.count], [['seal 2'], 2]);
  await clock.advance(4_000);
  assert.deepEqual(log, ['seal 2', 'reveal 0,1', 'reveal 0,1']);
});

test('nobody is probed who owes nothing', async () => {
  const { clock, watch, probes } = watching();
  watch.update([{ ...SEAL, worker: 1 }]);
  watch.suspect(0);
  await clock.advance(10);
  assert.equal(probes.count, 0);
});

test('whoever was suspected before it owed anything is probed as soon as it does', async () => {
  const { clock, watch, log, probes } = watching();
  probes.isAlive = false;
  watch.suspect(0);
  await clock.advance(10);
  assert.equal(probes.count, 0);
  watch.update([SEAL]);
  await clock.advance(10);
  assert.deepEqual([log, probes.count], [['seal 0,1,2'], 1]);
});

test('who is dead keeps its time to reveal: it may come back with what it sealed', async () => {
  const { clock, watch, log, probes } = watching();
  probes.isAlive = false;
  watch.update([REVEAL]);
  watch.suspect(0);
  await clock.advance(3_999);
  assert.deepEqual(log, []);
  await clock.advance(1);
  assert.deepEqual(log, ['reveal 0,1']);
});

test('who is there and knows nothing of the plan is told again, and has its whole time', async () => {
  const { clock, watch, log, probes, assigned } = watching();
  probes.isNew = true;
  watch.update([SEAL]);
  watch.suspect(0);
  await clock.advance(10);
  assert.deepEqual([log, assigned], [[], [[0, 1, 2]]]);
  probes.takes = false;
  watch.suspect(0);
  await clock.advance(10);
  assert.deepEqual(log, ['seal 0,1,2'], 'one that does not take it is late');
});

test('after a moment whoever still owes a seal is looked at, whatever its requester did', async () => {
  const { clock, watch, probes, assigned } = watching();
  probes.isNew = true;
  watch.update([SEAL]);
  await clock.advance(1_999);
  assert.deepEqual([probes.count, assigned], [0, []]);
  await clock.advance(1);
  assert.deepEqual([probes.count, assigned], [1, [[0, 1, 2]]]);
});

test('the deadline of the job comes once; a stopped watch does nothing', async () => {
  const first = watching();
  await first.clock.advance(60_000);
  assert.deepEqual(first.log, ['deadline']);
  const second = watching();
  second.watch.update([SEAL]);
  second.watch.stop();
  second.watch.start();
  second.watch.update([SEAL]);
  await second.clock.advance(100_000);
  assert.deepEqual([second.log, second.clock.pending], [[], 0]);
});
