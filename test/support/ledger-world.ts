/**
 * A world around a ledger: workers with behaviours answer whatever the ledger awaits, members mark
 * who does not answer, and a leader puts random parts of the pool into blocks until the end.
 */
import assert from 'node:assert/strict';
import type { CheckedRecord } from '../../src/job/ledger/check-record.ts';
import { executeRecords, selectRecords } from '../../src/job/ledger/execute-records.ts';
import { isFinal, type LedgerState, ledgerGenesis } from '../../src/job/ledger/ledger-state.ts';
import { type Awaited, awaitedOf } from '../../src/job/ledger/read-ledger.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { overdueOf, refusalOf, type TestJob, unwrap, workOf } from './job-factory.ts';

export const BEHAVIOURS = [
  'honest',
  'lie-1',
  'lie-2',
  'lie-alone',
  'refuse',
  'silent',
  'slow',
  'withhold',
  'equivocate',
] as const;
export type Behaviour = (typeof BEHAVIOURS)[number];

/** Which answer a worker gives; 0 is right, liars of one number collude. */
export function variantOf(behaviour: Behaviour, worker: number): number {
  if (behaviour === 'lie-1') return 1;
  if (behaviour === 'lie-2') return 2;
  return behaviour === 'lie-alone' ? 100 + worker : 0;
}

/** What an equivocating worker seals beside the right answer. */
export const SECOND_ANSWER = 50;

/** A seeded generator: the same seed replays the same world. */
export function seededIntegers(seed: number): (bound: number) => number {
  const random = new SeededRandom(seed);
  return (bound) => random.integer(bound);
}

export interface WorldInit {
  readonly job: TestJob;
  /** By roster index. */
  readonly behaviours: readonly Behaviour[];
  readonly seed: number;
}

export interface WorldEnd {
  readonly state: LedgerState;
  /** The records of each. */
  readonly blocks: readonly (readonly CheckedRecord[])[];
}

/** Runs to the end; an end that never comes is an assertion. */
export function runWorld(init: WorldInit): WorldEnd {
  const { job, behaviours } = init;
  const pick = seededIntegers(init.seed);
  const pool: CheckedRecord[] = [];
  const answered = new Set<string>();
  let state = ledgerGenesis(job.plan);
  const blocks: (readonly CheckedRecord[])[] = [];
  while (!isFinal(state)) {
    for (const awaited of awaitedOf(job.plan, state)) {
      for (const shards of split(awaited.shards, pick)) {
        const part = shards.filter((shard) => isNew(answered, awaited, shard));
        if (part.length === 0) continue;
        pool.push(...answers(job, behaviours, { ...awaited, shards: part }));
      }
    }
    const offered = pool.filter(() => pick(3) > 0).sort(() => pick(3) - 1);
    let records = selectRecords(job.plan, state, offered);
    if (records.length === 0) records = selectRecords(job.plan, state, pool);
    assert.ok(records.length > 0, 'the ledger waits for something that never comes');
    records = records.slice(0, 1 + pick(records.length));
    state = unwrap(executeRecords(job.plan, state, records)).state;
    blocks.push(records);
    checkCounts(job, state);
  }
  return { state, blocks };
}

/** The running counts must stay what a recount gives, as long as they matter. */
function checkCounts(job: TestJob, state: LedgerState): void {
  if (state.failure !== undefined) return;
  const counts = { seal: 0, reveal: 0 };
  for (const { phase, shards } of awaitedOf(job.plan, state)) counts[phase] += shards.length;
  assert.deepEqual(counts, { seal: state.awaitedSeals, reveal: state.awaitedReveals });
}

function isNew(answered: Set<string>, awaited: Awaited, shard: number): boolean {
  const key = `${awaited.phase}/${awaited.wave}/${awaited.worker}/${shard}`;
  return !answered.has(key) && answered.add(key) !== undefined;
}

/** One list, or two, so that records overlap ledger states only in part. */
function split(shards: readonly number[], pick: (bound: number) => number): number[][] {
  const cut = pick(shards.length + 1);
  return [shards.slice(0, cut), shards.slice(cut)].filter((part) => part.length > 0);
}

function answers(
  job: TestJob,
  behaviours: readonly Behaviour[],
  awaited: Awaited,
): CheckedRecord[] {
  const { worker, wave, shards, phase } = awaited;
  const behaviour = behaviours[worker]!;
  const scope = { worker, wave, shards };
  const marks = () =>
    [0, 1].slice(0, job.plan.f + 1).map((seat) => overdueOf(job, seat, phase, scope));
  if (behaviour === 'silent') return marks();
  if (behaviour === 'refuse') return [refusalOf(job, scope)];
  if (behaviour === 'withhold' && phase === 'reveal') return marks();
  // Who is slow is called overdue, and seals all the same.
  const complaints = behaviour === 'slow' && phase === 'seal' ? marks() : [];
  // Who equivocates opens whichever of its two seals came first.
  const variants = behaviour === 'equivocate' ? [0, SECOND_ANSWER] : [variantOf(behaviour, worker)];
  const work = variants.flatMap((variant) =>
    shards.map((shard) => workOf(job, { worker, wave, shards: [shard], variant })[phase]),
  );
  return [...complaints, ...work];
}
