import assert from 'node:assert/strict';
import { test } from 'node:test';
import { equalBytes } from '../../../src/base/bytes.ts';
import { ZERO_DIGEST } from '../../../src/base/ids.ts';
import { acceptedDigests, receiptsOf, shardDisputes } from '../../../src/job/ledger/read-ledger.ts';
import {
  checked,
  digestOf,
  makeJob,
  overdueOf,
  refusalOf,
  type WorkInit,
  workOf,
} from '../../support/job-factory.ts';
import { LedgerRun } from '../../support/ledger-run.ts';

const SHARDS = [0];
const start = (policy = {}, nodes = 11) => new LedgerRun(makeJob({ nodes, shards: 1, policy }));

/** Seals of several workers in one block, each with its variant; gives their reveals. */
function sealAll(run: LedgerRun, works: readonly Omit<WorkInit, 'shards'>[]) {
  const made = works.map((work) => workOf(run.job, { shards: SHARDS, ...work }));
  run.block(...made.map(({ seal }) => seal));
  return made.map(({ reveal }) => reveal);
}

test('nobody reveals before the set is closed', () => {
  const run = start();
  const [a, b] = run.order(0) as [number, number];
  const [reveal] = sealAll(run, [{ worker: a }, { worker: b }]);
  run.refuses(reveal!);
});

test('two equal reveals of three are accepted; the third is still awaited and judged', () => {
  const run = start();
  const [a, b, c] = run.order(0) as [number, number, number];
  const [ra, rb, rc] = sealAll(run, [{ worker: a }, { worker: b }, { worker: c, variant: 1 }]);
  run.block(ra!);
  const events = run.block(rb!);
  assert.deepEqual(
    events.map((event) => event.kind),
    ['accepted'],
  );
  assert.equal(run.state.isDone, false);
  assert.deepEqual(run.state.resultsRoot, ZERO_DIGEST);
  const last = run.block(rc!);
  assert.deepEqual(
    last.map((event) => event.kind),
    ['dispute', 'done'],
  );
  assert.deepEqual(run.disputes(), [[0, c, 'wrong-result']]);
  assert.deepEqual(shardDisputes(run.state)[0]!.evidence.length, 2);
  assert.equal(run.state.isDone, true);
  assert.notDeepEqual(run.state.resultsRoot, ZERO_DIGEST);
  assert.deepEqual(acceptedDigests(run.job.plan, run.state, 0), digestOf(0));
  assert.deepEqual(
    run.agreeing(0),
    [a, b].sort((x, y) => x - y),
  );
});

test('a liar that revealed before the acceptance is named too', () => {
  const run = start();
  const [a, b, c] = run.order(0) as [number, number, number];
  const [ra, rb, rc] = sealAll(run, [{ worker: a, variant: 7 }, { worker: b }, { worker: c }]);
  run.block(ra!, rb!);
  assert.deepEqual(run.disputes(), []);
  run.block(rc!);
  assert.deepEqual(run.disputes(), [[0, a, 'wrong-result']]);
  assert.equal(run.state.isDone, true);
});

test('a late equal reveal joins the workers of the shard, and receipts tell how', () => {
  const run = start();
  const [a, b, c] = run.order(0) as [number, number, number];
  const [ra, rb, rc] = sealAll(run, [{ worker: a }, { worker: b }, { worker: c }]);
  run.block(ra!, rb!);
  run.block(rc!);
  assert.deepEqual(
    run.agreeing(0),
    [a, b, c].sort((x, y) => x - y),
  );
  const receipts = receiptsOf(run.job.plan, run.state, 0);
  assert.deepEqual(
    receipts.map(({ worker }) => worker),
    run.agreeing(0),
  );
  for (const { seal, reveal } of receipts) assert.ok(equalBytes(reveal.record.seal, seal.id));
});

test('fast reveals do not outvote slower ones: five replicas, two fast colluders', () => {
  const run = start({ replicas: 5, quorum: 2 }, 15);
  const order = run.order(0).slice(0, 5);
  const reveals = sealAll(
    run,
    order.map((worker, i) => ({ worker, variant: i < 2 ? 9 : 0 })),
  );
  run.block(reveals[0]!, reveals[1]!);
  assert.equal(run.state.acceptedCount, 0);
  run.block(reveals[2]!, reveals[3]!, reveals[4]!);
  assert.deepEqual(acceptedDigests(run.job.plan, run.state, 0), digestOf(0));
  assert.equal(run.disputes().length, 2);
});

test('a reveal that does not open its seal has no effect', () => {
  const run = start();
  const [a, b, c] = run.order(0) as [number, number, number];
  const [honest] = sealAll(run, [{ worker: a }, { worker: b }, { worker: c }]);
  assert.ok(honest?.kind === 'reveal');
  const { record } = honest;
  run.refuses(checked(run.job, { ...record, digests: digestOf(0, 5) }));
  run.refuses(checked(run.job, { ...record, salts: new Uint8Array(16) }));
  run.refuses(checked(run.job, { ...record, seal: digestOf(1) }));
  run.refuses(checked(run.job, { ...record, worker: run.job.plan.nodes[b]! }));
  run.block(honest);
  run.refuses(honest);
});

test('sealed and not revealed is the dispute withheld, by f + 1 marks; then it is too late', () => {
  const run = start();
  const [a, b, c] = run.order(0) as [number, number, number];
  const [ra, rb, rc] = sealAll(run, [{ worker: a }, { worker: b }, { worker: c }]);
  run.block(ra!, rb!);
  const mark = (seat: number) => overdueOf(run.job, seat, 'reveal', { worker: c, shards: SHARDS });
  run.block(mark(0));
  assert.deepEqual(run.disputes(), []);
  const events = run.block(mark(3));
  assert.deepEqual(run.disputes(), [[0, c, 'withheld']]);
  assert.equal(events.at(-1)?.kind, 'done');
  run.refuses(rc!);
});

test('disagreement widens by Q along the order, and both liars are named', () => {
  const run = start();
  const [a, b, c, d, e] = run.order(0) as [number, number, number, number, number];
  const variants = [0, 1, 2];
  const first = sealAll(
    run,
    [a, b, c].map((worker, i) => ({ worker, variant: variants[i]! })),
  );
  run.block(first[0]!, first[1]!);
  const events = run.block(first[2]!);
  assert.deepEqual(events, [
    { kind: 'entitled', wave: 1, worker: d, reason: 'widened', shards: [0] },
    { kind: 'entitled', wave: 1, worker: e, reason: 'widened', shards: [0] },
  ]);
  run.refuses(workOf(run.job, { worker: d, shards: SHARDS, wave: 0 }).seal);
  const second = sealAll(run, [
    { worker: d, wave: 1 },
    { worker: e, wave: 1 },
  ]);
  run.block(second[0]!, second[1]!);
  assert.deepEqual(acceptedDigests(run.job.plan, run.state, 0), digestOf(0));
  assert.deepEqual(new Set(run.disputes().map(([, worker]) => worker)), new Set([b, c]));
  assert.deepEqual(
    run.agreeing(0),
    [a, d, e].sort((x, y) => x - y),
  );
});

test('a later wave needs one seal only, when the others refuse', () => {
  const run = start({ replicas: 2, quorum: 2 });
  const [a, b, c, d, e] = run.order(0) as [number, number, number, number, number];
  const first = sealAll(run, [{ worker: a }, { worker: b, variant: 1 }]);
  run.block(first[0]!, first[1]!);
  assert.deepEqual(run.workers(0), [a, b, c, d]);
  const [rc] = sealAll(run, [{ worker: c, wave: 1 }]);
  run.block(refusalOf(run.job, { worker: d, shards: SHARDS, wave: 1 }));
  run.block(refusalOf(run.job, { worker: e, shards: SHARDS, wave: 1 }));
  run.block(rc!);
  assert.equal(run.state.isDone, true);
  assert.deepEqual(run.disputes(), [[0, b, 'wrong-result']]);
});

test('a tie is nobody’s majority, and 2R + 1 workers without one fail with NO_AGREEMENT', () => {
  const run = start({ replicas: 2, quorum: 2 });
  const order = run.order(0);
  const first = sealAll(run, [{ worker: order[0]! }, { worker: order[1]!, variant: 1 }]);
  run.block(...first);
  const second = sealAll(run, [
    { worker: order[2]!, variant: 1, wave: 1 },
    { worker: order[3]!, wave: 1 },
  ]);
  run.block(...second);
  assert.equal(run.state.acceptedCount, 0, 'two against two');
  const third = sealAll(run, [{ worker: order[4]!, wave: 2, variant: 2 }]);
  const events = run.block(third[0]!);
  assert.deepEqual(events, [{ kind: 'failed', code: 'NO_AGREEMENT', shard: 0 }]);
  assert.deepEqual(run.disputes(), [], 'without an answer nobody is called a liar');
  assert.equal(run.workers(0).length, 5);
});

test('when everyone withholds, the failure says that nobody delivered', () => {
  const run = start({ replicas: 1 });
  const order = run.order(0);
  for (let wave = 0; wave < 3; wave++) {
    const worker = order[wave]!;
    sealAll(run, [{ worker, wave }]);
    run.block(
      overdueOf(run.job, 0, 'reveal', { worker, wave, shards: SHARDS }),
      overdueOf(run.job, 1, 'reveal', { worker, wave, shards: SHARDS }),
    );
  }
  assert.equal(run.state.failure?.code, 'WORKERS_EXHAUSTED');
  assert.equal(run.disputes().length, 3);
});

test('two differing seals of one worker are equivocation; the first counts', () => {
  const run = start();
  const [a, b, c] = run.order(0) as [number, number, number];
  const one = workOf(run.job, { worker: a, shards: SHARDS });
  const two = workOf(run.job, { worker: a, shards: SHARDS, variant: 3 });
  const three = workOf(run.job, { worker: a, shards: SHARDS, flavour: 1 });
  run.block(one.seal);
  const [event] = run.block(two.seal);
  assert.deepEqual(event, {
    kind: 'dispute',
    dispute: 'equivocation',
    worker: a,
    shards: [0],
    evidence: [one.seal.id, two.seal.id],
  });
  run.refuses(three.seal);
  const [rb, rc] = sealAll(run, [{ worker: b }, { worker: c }]);
  run.refuses(two.reveal);
  run.block(one.reveal, rb!, rc!);
  assert.equal(run.state.isDone, true);
  assert.deepEqual(run.disputes(), [[0, a, 'equivocation']]);
});

test('a differing seal is evidence also after the set has closed', () => {
  const run = start();
  const [a, b, c] = run.order(0) as [number, number, number];
  sealAll(run, [{ worker: a }, { worker: b }, { worker: c }]);
  run.block(workOf(run.job, { worker: b, shards: SHARDS, variant: 1 }).seal);
  assert.deepEqual(run.disputes(), [[0, b, 'equivocation']]);
});
