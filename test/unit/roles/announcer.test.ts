/** What workers hear from a judge that was not there when a seal set closed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peerIdOf } from '../../../src/base/ids.ts';
import { unpackShards } from '../../../src/job/shard-list.ts';
import { Announcer } from '../../../src/roles/announcer.ts';
import { decodeMessage, jobNoticeShape } from '../../../src/roles/job-messages.ts';
import { SimHub } from '../../../src/sim/sim-hub.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';
import { makeJob, workOf } from '../../support/job-factory.ts';
import { LedgerRun } from '../../support/ledger-run.ts';

const SHARDS = 3;
const policy = { cadre: 4, replicas: 2, quorum: 2 };

/** A ledger with its first shard revealed by one of two workers, and the other sets closed. */
function closedSets() {
  const run = new LedgerRun(makeJob({ nodes: 9, shards: SHARDS, policy }));
  const { job } = run;
  const shards = [0, 1, 2];
  const work = shards.flatMap((shard) =>
    run
      .order(shard)
      .slice(0, 2)
      .map((worker) => ({ shard, worker, ...workOf(job, { worker, shards: [shard] }) })),
  );
  run.block(...work.map(({ seal }) => seal));
  run.block(work[0]!.reveal);
  const revealed = { shard: 0, worker: work[0]!.worker };
  return { run, work: work.map(({ shard, worker }) => ({ shard, worker })), revealed };
}

function announcing({ job }: LedgerRun) {
  const clock = new VirtualClock();
  const hub = new SimHub({ clock });
  const heard: { worker: number; shard: number }[] = [];
  job.plan.nodes.forEach((node, worker) => {
    hub.join(peerIdOf(node)).handle('job', {
      message: (_from, bytes) => {
        const notice = decodeMessage(bytes, jobNoticeShape);
        assert.ok(notice.ok && notice.value.t === 'closed', 'only closed sets are told here');
        const shards = unpackShards(notice.value.shards, SHARDS);
        assert.ok(shards.ok);
        heard.push(...shards.value.map((shard) => ({ worker, shard })));
      },
    });
  });
  const network = hub.join();
  const log = { log: () => undefined };
  const onUnreachable = () => undefined;
  const announcer = new Announcer(
    { network, log, onUnreachable },
    { plan: job.plan, detached: false },
  );
  return { announcer, clock, heard };
}

const sorted = (told: { worker: number; shard: number }[]) =>
  told.toSorted((a, b) => a.shard - b.shard || a.worker - b.worker);

test('a judge that comes to a state past closed sets tells those who are to reveal', async () => {
  const { run, work, revealed } = closedSets();
  const { announcer, clock, heard } = announcing(run);
  announcer.resume(run.state);
  await clock.advance(100);
  const others = work.filter(
    ({ shard, worker }) => shard !== revealed.shard || worker !== revealed.worker,
  );
  assert.deepEqual(sorted(heard), sorted(others));
});

test('what it says again to whoever asks is what a judge says that was there', async () => {
  const { run, work } = closedSets();
  const there = announcing(run);
  there.announcer.announce(run.events);
  const late = announcing(run);
  late.announcer.announce(run.events.slice(0, 1));
  late.announcer.resume(run.state);
  for (const { clock, heard, announcer } of [there, late]) {
    await clock.advance(100);
    heard.length = 0;
    for (const node of run.job.plan.nodes) announcer.repeat(peerIdOf(node));
    await clock.advance(100);
    assert.deepEqual(sorted(heard), sorted(work), 'each once');
  }
});
