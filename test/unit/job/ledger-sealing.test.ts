import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../../../src/base/bytes.ts';
import { awaitedOf, shardRetries, viewShard } from '../../../src/job/ledger/read-ledger.ts';
import { makeJob, overdueOf, refusalOf, workOf } from '../../support/job-factory.ts';
import { LedgerRun } from '../../support/ledger-run.ts';

/** One shard, three replicas, two must agree; ten nodes, so workers and cadre are disjoint. */
const oneShard = () => new LedgerRun(makeJob({ nodes: 11, shards: 1 }));
const SHARDS = [0];

test('the first wave of placement is entitled, and nobody else', () => {
  const run = oneShard();
  const order = run.order(0);
  assert.deepEqual(run.workers(0), order.slice(0, 3));
  assert.equal(run.state.awaitedSeals, 3);
  run.refuses(workOf(run.job, { worker: order[3]!, shards: SHARDS }).seal);
  run.refuses(workOf(run.job, { worker: order[0]!, shards: SHARDS, wave: 1 }).seal);
});

test('a set closes at R seals, and later seals have no effect', () => {
  const run = oneShard();
  const [a, b, c] = run.order(0) as [number, number, number];
  assert.deepEqual(run.block(workOf(run.job, { worker: a, shards: SHARDS }).seal), []);
  run.block(workOf(run.job, { worker: b, shards: SHARDS }).seal);
  assert.deepEqual(run.standings(0), ['sealed', 'sealed', 'entitled']);
  const events = run.block(workOf(run.job, { worker: c, shards: SHARDS }).seal);
  assert.deepEqual(
    events.map((event) => [event.kind, 'worker' in event && event.worker]),
    [
      ['closed', a],
      ['closed', b],
      ['closed', c],
    ],
  );
  assert.equal(run.state.awaitedSeals, 0);
  assert.equal(run.state.awaitedReveals, 3);
});

test('the same seal twice has no effect the second time', () => {
  const run = oneShard();
  const { seal } = workOf(run.job, { worker: run.order(0)[0]!, shards: SHARDS });
  run.block(seal);
  run.refuses(seal);
});

test('a refusal before the seal entitles the next in order, in the same wave', () => {
  const run = oneShard();
  const order = run.order(0);
  const [first, , , next] = order as [number, number, number, number];
  const events = run.block(refusalOf(run.job, { worker: first, shards: SHARDS }, 'busy'));
  assert.deepEqual(events, [
    { kind: 'entitled', wave: 0, worker: next, reason: 'refused', shards: [0] },
    { kind: 'retry', worker: first, reason: 'busy', shards: [0] },
  ]);
  assert.deepEqual(shardRetries(run.state), [{ shard: 0, worker: first, reason: 'busy' }]);
  assert.deepEqual(viewShard(run.job.plan, run.state, 0).phase, 'sealing');
  run.refuses(workOf(run.job, { worker: first, shards: SHARDS }).seal);
  run.block(workOf(run.job, { worker: next, shards: SHARDS }).seal);
});

test('a refusal after the seal has no effect', () => {
  const run = oneShard();
  const worker = run.order(0)[0]!;
  run.block(workOf(run.job, { worker, shards: SHARDS }).seal);
  run.refuses(refusalOf(run.job, { worker, shards: SHARDS }));
});

test('one mark does not act, the same seat twice does not act, f + 1 seats do', () => {
  const run = oneShard();
  const [late, b, c] = run.order(0) as [number, number, number];
  run.block(
    workOf(run.job, { worker: b, shards: SHARDS }).seal,
    workOf(run.job, { worker: c, shards: SHARDS }).seal,
  );
  const mark = (seat: number) => overdueOf(run.job, seat, 'seal', { worker: late, shards: SHARDS });
  assert.deepEqual(run.block(mark(2)), []);
  run.refuses(mark(2));
  assert.equal(run.job.plan.f, 1);
  const events = run.block(mark(0));
  // Two of three are a quorum: the set closes without the late one, and nobody replaces it.
  assert.deepEqual(
    events.map((event) => event.kind),
    ['closed', 'closed', 'retry'],
  );
  assert.deepEqual(run.standings(0), ['superseded', 'closed', 'closed']);
  run.refuses(workOf(run.job, { worker: late, shards: SHARDS }).seal);
});

test('an overdue worker is replaced only when a quorum of seals is out of sight', () => {
  const run = oneShard();
  const [a, b, c, d] = run.order(0) as [number, number, number, number];
  const pass = (worker: number) =>
    run.block(
      overdueOf(run.job, 0, 'seal', { worker, shards: SHARDS }),
      overdueOf(run.job, 1, 'seal', { worker, shards: SHARDS }),
    );
  pass(a);
  assert.deepEqual(run.workers(0), [a, b, c]);
  pass(b);
  assert.deepEqual(run.workers(0), [a, b, c, d]);
  assert.deepEqual(run.standings(0), ['overdue', 'overdue', 'entitled', 'entitled']);
});

test('the seal of an overdue worker counts while its set is open', () => {
  const run = oneShard();
  const [a, b, c] = run.order(0) as [number, number, number];
  run.block(
    overdueOf(run.job, 0, 'seal', { worker: a, shards: SHARDS }),
    overdueOf(run.job, 1, 'seal', { worker: a, shards: SHARDS }),
  );
  run.block(workOf(run.job, { worker: a, shards: SHARDS }).seal);
  run.block(workOf(run.job, { worker: b, shards: SHARDS }).seal);
  assert.deepEqual(run.standings(0), ['sealed', 'sealed', 'entitled']);
  run.block(workOf(run.job, { worker: c, shards: SHARDS }).seal);
  assert.equal(run.state.awaitedReveals, 3);
});

test('a shard uses at most 2R + 1 workers, then the job fails', () => {
  const run = oneShard();
  const order = run.order(0);
  assert.ok(order.length >= 7);
  for (let i = 0; i < 5; i++) {
    run.block(refusalOf(run.job, { worker: order[i]!, shards: SHARDS }));
    assert.equal(run.state.failure, undefined);
  }
  assert.deepEqual(run.workers(0), order.slice(0, 7));
  const events = run.block(refusalOf(run.job, { worker: order[5]!, shards: SHARDS }));
  assert.deepEqual(events.at(-1), { kind: 'failed', code: 'WORKERS_EXHAUSTED', shard: 0 });
  run.refuses(refusalOf(run.job, { worker: order[6]!, shards: SHARDS }));
});

test('too few seals from those who are left fail the job once nobody is awaited', () => {
  const run = new LedgerRun(makeJob({ nodes: 7, shards: 1, policy: { cadre: 4 } }));
  const order = run.order(0);
  const marks = (worker: number) => [
    overdueOf(run.job, 0, 'seal', { worker, shards: SHARDS }),
    overdueOf(run.job, 3, 'seal', { worker, shards: SHARDS }),
  ];
  run.block(workOf(run.job, { worker: order[0]!, shards: SHARDS }).seal);
  for (const worker of order.slice(1)) {
    assert.equal(run.state.failure, undefined);
    run.block(...marks(worker));
  }
  assert.equal(run.state.failure?.code, 'WORKERS_EXHAUSTED');
});

test('a record counts for the shards that it can change and passes over the others', () => {
  const run = new LedgerRun(makeJob({ nodes: 11, shards: 8, policy: { replicas: 2 } }));
  const other = 0;
  const worker = run.order(other)[2]!;
  const { workers, placement } = run.job.plan;
  const mine = placement.shardsOf(workers.indexOf(worker));
  assert.ok(mine.length > 1 && mine.length < 8);
  const all = [0, 1, 2, 3, 4, 5, 6, 7];
  const { seal } = workOf(run.job, { worker, shards: all });
  run.block(seal);
  for (const shard of all) {
    const at = run.workers(shard).indexOf(worker);
    assert.equal(
      at === -1 ? undefined : run.standings(shard)[at],
      mine.includes(shard) ? 'sealed' : undefined,
    );
  }
  // Entitled to one more shard by others' refusals, the same record counts again, for that one.
  for (const holder of run.order(other)) {
    if (run.workers(other).includes(worker)) break;
    run.block(refusalOf(run.job, { worker: holder, shards: [other] }));
  }
  const before = run.state.awaitedSeals;
  run.block(seal);
  assert.equal(run.state.awaitedSeals, before - 1);
});

test('what is awaited follows the events', () => {
  const run = oneShard();
  const [a, b, c] = run.order(0) as [number, number, number];
  const phases = () =>
    awaitedOf(run.job.plan, run.state).map(({ phase, worker }) => [phase, worker]);
  assert.deepEqual(phases(), [
    ['seal', a],
    ['seal', b],
    ['seal', c],
  ]);
  for (const worker of [a, b, c]) run.block(workOf(run.job, { worker, shards: SHARDS }).seal);
  assert.deepEqual(phases(), [
    ['reveal', a],
    ['reveal', b],
    ['reveal', c],
  ]);
});

test('executing does not touch the state it starts from', () => {
  const run = oneShard();
  const [a, b] = run.order(0) as [number, number];
  const start = run.state;
  const { seal } = workOf(run.job, { worker: a, shards: SHARDS });
  run.block(seal);
  const left = toHex(run.state.stateRoot);
  run.state = start;
  run.block(workOf(run.job, { worker: b, shards: SHARDS }).seal);
  run.block(overdueOf(run.job, 0, 'seal', { worker: a, shards: SHARDS }));
  run.state = start;
  assert.deepEqual(run.standings(0), ['entitled', 'entitled', 'entitled']);
  run.block(overdueOf(run.job, 0, 'seal', { worker: a, shards: SHARDS }));
  run.state = start;
  run.block(seal);
  assert.equal(toHex(run.state.stateRoot), left);
});
