/**
 * Writes test/vectors/job.json, the golden bytes of docs/protocol/job.md and ledger.md.
 * Run: node scripts/vectors/job.ts
 */
import { writeFileSync } from 'node:fs';
import { toHex } from '../../src/base/bytes.ts';
import { encodeRecord } from '../../src/job/build-record.ts';
import type { CheckedRecord } from '../../src/job/ledger/check-record.ts';
import { executeRecords } from '../../src/job/ledger/execute-records.ts';
import { ledgerGenesis } from '../../src/job/ledger/ledger-state.ts';
import { resultLeaves } from '../../src/job/ledger/read-ledger.ts';
import { resultLeafBytes } from '../../src/job/ledger/results.ts';
import { computationIdOf, jobIdOf } from '../../src/job/spec.ts';
import { parseRequirement } from '../../src/swarm/requirement.ts';
import { encodeCanonical } from '../../src/wire/cbor.ts';
import {
  cancelOf,
  deadlineOf,
  makeJob,
  overdueOf,
  refusalOf,
  unwrap,
  workOf,
} from '../../test/support/job-factory.ts';

const job = makeJob({ nodes: 11, shards: 1 });
const { plan } = job;
const order = plan.placement.order(0).map((candidate) => plan.workers[candidate]!);
const [liar, late, honest, second, third] = order as [number, number, number, number, number];
const SHARDS = [0];

/**
 * One job with everything in it: a refusal, marks, a liar, disagreement, a wider wave, a second
 * differing seal, a worker that withholds.
 */
function blocks(): CheckedRecord[][] {
  const wrong = workOf(job, { worker: liar, shards: SHARDS, variant: 1 });
  const twice = workOf(job, { worker: liar, shards: SHARDS, variant: 2 });
  const right = workOf(job, { worker: honest, shards: SHARDS });
  const wider = workOf(job, { worker: third, shards: SHARDS, wave: 1 });
  const fourth = order[5]!;
  const silent = workOf(job, { worker: fourth, shards: SHARDS, wave: 1 });
  const marks = (phase: 'seal' | 'reveal', worker: number, wave = 0) =>
    [1, 3].map((seat) => overdueOf(job, seat, phase, { worker, wave, shards: SHARDS }));
  return [
    [refusalOf(job, { worker: late, shards: SHARDS }, 'draining'), wrong.seal, right.seal],
    [twice.seal, ...marks('seal', second)],
    [wrong.reveal],
    [right.reveal],
    [wider.seal, silent.seal],
    [wider.reveal],
    marks('reveal', fourth, 1),
  ];
}

function executed() {
  let state = ledgerGenesis(plan);
  const steps = blocks().map((records) => {
    const execution = unwrap(executeRecords(plan, state, records));
    state = execution.state;
    return {
      records: records.map(({ record }) => toHex(encodeRecord(record).bytes)),
      ids: records.map(({ id }) => toHex(id)),
      events: execution.events.map((event) => event.kind),
      stateRoot: toHex(execution.stateRoot),
      resultsRoot: toHex(execution.resultsRoot),
    };
  });
  const leaves = [...resultLeaves(plan, state)].map((leaf) => toHex(resultLeafBytes(leaf)));
  return { genesisRoot: toHex(ledgerGenesis(plan).stateRoot), steps, leaves };
}

const lone = [deadlineOf(job, 2), cancelOf(job)].map(({ record, id }) => ({
  kind: record.kind,
  bytes: toHex(encodeRecord(record).bytes),
  id: toHex(id),
}));

const vectors = {
  note: 'written by scripts/vectors/job.ts; do not edit',
  spec: toHex(encodeCanonical(plan.spec)),
  jobId: toHex(plan.jobId),
  computationId: toHex(computationIdOf(plan.spec)),
  package: toHex(encodeCanonical(job.package)),
  planId: toHex(plan.planId),
  seed: toHex(plan.seed),
  cadreRoot: toHex(plan.cadreRoot),
  workers: plan.workers,
  order: plan.placement.order(0),
  requirements: ['cuda>=8.0,mem>=16GiB', 'cuda', 'cpu', 'mem>=512MiB'].map((text) => {
    const spec = { ...plan.spec, requires: unwrap(parseRequirement(text)) };
    return { text, spec: toHex(encodeCanonical(spec)), jobId: toHex(jobIdOf(spec)) };
  }),
  fresh: [plan.spec, { ...plan.spec, fresh: true as const }].map((spec) => {
    const computationId = toHex(computationIdOf(spec));
    return { jobId: toHex(jobIdOf(spec)), spec: toHex(encodeCanonical(spec)), computationId };
  }),
  lone,
  ledger: executed(),
};

const file = new URL('../../test/vectors/job.json', import.meta.url);
writeFileSync(file, `${JSON.stringify(vectors, null, 2)}\n`);
