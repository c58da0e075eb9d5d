/**
 * The requester's side of `why`: asks every judge for a page of its ledger and the workers on that
 * page what they do, and puts both beside what placement says
 * (docs/protocol/job-messages.md sections 2.8 and 2.9). Bounded: one page, two rounds of questions.
 */
import { asKadreError } from '../base/errors.ts';
import { type PeerId, peerIdOf } from '../base/ids.ts';
import type { Network, SignalOption } from '../base/ports.ts';
import type { LedgerQuestion } from '../job/ledger/page-ledger.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { packShards } from '../job/shard-list.ts';
import type { JobSpec } from '../job/spec.ts';
import {
  completeRow,
  type JobStage,
  jobWords,
  type WhyReport,
  type WhyShard,
  type WhyWorker,
  type WorkerStep,
} from '../job/why.ts';
import type { AdvertBook } from '../swarm/advert-book.ts';
import { offersFor, requirementText } from '../swarm/requirement.ts';
import { decodeMessage, encodeMessage, type JobAnswer, jobAnswerShape } from './job-messages.ts';
import { judgesOf } from './judges.ts';

/** People wait for this; who is slower says nothing. */
const ASK_TIMEOUT_MS = 2_000;

type LedgerPage = Extract<JobAnswer, { t: 'why' }>;
/** By peer, then shard. */
type Steps = ReadonlyMap<PeerId, ReadonlyMap<number, WorkerStep>>;

interface JudgeAnswer {
  readonly peer: PeerId;
  /** `ok`, or why there is no page. */
  readonly answer: string;
  readonly page: LedgerPage | undefined;
}

/** A job as its requester has it. */
export interface ExplainedJob {
  readonly id: string;
  readonly stage: JobStage;
  readonly spec: JobSpec;
  readonly plan: OpenPlan | undefined;
  /** Why it failed or was cancelled; undefined for any other job. */
  readonly error: { readonly message: string } | undefined;
}

export async function explainJob(
  { network, book }: { readonly network: Network; readonly book: AdvertBook },
  { id, stage, spec, plan, error }: ExplainedJob,
  question: LedgerQuestion,
  options: SignalOption = {},
): Promise<WhyReport> {
  const isOver = stage === 'done' && question.open;
  const report =
    plan === undefined || isOver
      ? untold(spec, stage)
      : await askAll(network, plan, question, options);
  const reason = stage === 'finding-peers' ? needsOf(spec, book) : error?.message;
  return { jobId: id, stage, ...report, words: jobWords(stage, report, reason) };
}

/** What a job that looks for peers lacks: how many it needs, and how many of them are known. */
function needsOf({ kernel, policy, requires }: JobSpec, book: AdvertBook): string {
  const adverts = book.all().map(({ advert }) => advert);
  const workers = adverts.filter((advert) => offersFor(advert, kernel, requires).length > 0).length;
  const members = adverts.filter(({ roles }) => roles.includes('cadre')).length;
  const on = requires === undefined ? '' : ` on ${requirementText(requires)}`;
  const wanted = `${policy.replicas} workers that run ${kernel}${on} and ${policy.cadre} for a cadre`;
  const known = `${adverts.length} nodes are known, ${workers} such workers, ${members} for a cadre`;
  const isUnmet = requires !== undefined && workers === 0;
  return `it needs ${wanted}; ${known}${isUnmet ? '; no known node meets what it requires' : ''}`;
}

/** Everything of the report but the job's id, stage and words. */
type PlanReport = Omit<WhyReport, 'jobId' | 'stage' | 'words'>;

/** Nobody has to be asked, or there is nobody to ask. */
function untold({ shards }: JobSpec, stage: JobStage): PlanReport {
  const accepted = stage === 'done' ? shards : 0;
  return { shards, accepted, judges: [], source: null, rows: [], next: null };
}

async function askAll(
  network: Network,
  plan: OpenPlan,
  question: LedgerQuestion,
  options: SignalOption,
): Promise<PlanReport> {
  const { peers, believed } = judgesOf(plan);
  const judges = await Promise.all(
    peers.map((peer) => askJudge(network, peer, { plan, question }, options)),
  );
  const shown = choosePage(judges, believed);
  const bare = shown === undefined ? placedRows(plan, question) : ledgerRows(plan, shown.page);
  const steps = await askWorkers(network, plan, bare, options);
  const next = shown?.page.next ?? question.first + bare.length;
  return {
    shards: plan.spec.shards,
    accepted: shown?.page.accepted ?? 0,
    judges: judges.map(({ peer, answer }) => ({ peer, answer })),
    source: shown?.peer ?? null,
    rows: bare.map((row) => completeRow({ ...row, workers: withSteps(row, steps) })),
    next: question.open && next < plan.spec.shards ? next : null,
  };
}

async function askJudge(
  network: Network,
  peer: PeerId,
  about: { readonly plan: OpenPlan; readonly question: LedgerQuestion },
  { signal }: SignalOption,
): Promise<JudgeAnswer> {
  const { planId, spec, nodes } = about.plan;
  const { first, count, open } = about.question;
  const body = encodeMessage({ t: 'why', planId, first, count, open });
  try {
    const bytes = await network.request(peer, 'job', body, { timeoutMs: ASK_TIMEOUT_MS, signal });
    const answer = decodeMessage(bytes, jobAnswerShape);
    if (!answer.ok) {
      network.penalise(peer, answer.penalty, answer.reason);
      return { peer, answer: answer.reason, page: undefined };
    }
    if (answer.value.t === 'refused') return { peer, answer: answer.value.reason, page: undefined };
    if (answer.value.t !== 'why' || !fits(answer.value, spec.shards, nodes.length)) {
      return { peer, answer: 'unexpected answer', page: undefined };
    }
    return { peer, answer: 'ok', page: answer.value };
  } catch (cause) {
    if (signal?.aborted) throw cause;
    return { peer, answer: asKadreError(cause, 'PEER_UNREACHABLE', 'why').code, page: undefined };
  }
}

/** Whatever a judge says, rows are about shards and nodes that exist. */
function fits({ rows, next, accepted }: LedgerPage, shards: number, nodes: number): boolean {
  const isKnown = ({ shard, workers }: LedgerPage['rows'][number]) =>
    shard < shards && workers.every(({ node }) => node < nodes);
  return accepted <= shards && next <= shards && rows.every(isKnown);
}

/** The (f + 1)-th by accepted shards: so many liars cannot make the job look further than it is. */
function choosePage(judges: readonly JudgeAnswer[], believed: number) {
  const told = judges.flatMap(({ peer, page }) => (page === undefined ? [] : [{ peer, page }]));
  told.sort((a, b) => b.page.accepted - a.page.accepted);
  return told[Math.min(believed, told.length) - 1];
}

type BareRow = Omit<WhyShard, 'waitsFor' | 'words'>;

function ledgerRows(plan: OpenPlan, { rows }: LedgerPage): BareRow[] {
  return rows.map(({ shard, phase, wave, workers }) => ({
    shard,
    phase,
    wave,
    firstWave: firstWaveOf(plan, shard),
    workers: workers.map(({ node, wave: since, standing }) => {
      return { peer: peerIdOf(plan.nodes[node]!), wave: since, standing, step: null };
    }),
  }));
}

/** Without any judge: who should run the shards, and nothing about who does. */
function placedRows(plan: OpenPlan, { first, count }: LedgerQuestion): BareRow[] {
  const length = Math.max(0, Math.min(count, plan.spec.shards - first));
  return Array.from({ length }, (_, i) => {
    const firstWave = firstWaveOf(plan, first + i);
    const workers = firstWave.map((peer) => ({ peer, wave: 0, standing: null, step: null }));
    return { shard: first + i, phase: null, wave: 0, firstWave, workers };
  });
}

function firstWaveOf(plan: OpenPlan, shard: number): PeerId[] {
  return plan.placement
    .firstWave(shard)
    .map((candidate) => peerIdOf(plan.nodes[plan.workers[candidate]!]!));
}

/** Each worker once, about all of its shards on the page. */
async function askWorkers(
  network: Network,
  { planId }: OpenPlan,
  rows: readonly BareRow[],
  options: SignalOption,
): Promise<Steps> {
  const shardsOf = new Map<PeerId, number[]>();
  for (const { shard, workers } of rows) {
    for (const { peer } of workers) shardsOf.set(peer, [...(shardsOf.get(peer) ?? []), shard]);
  }
  const told = await Promise.all(
    [...shardsOf].map(async ([peer, shards]) => {
      const body = encodeMessage({ t: 'doing', planId, shards: packShards(shards) });
      return [peer, await askWorker(network, peer, body, options)] as const;
    }),
  );
  return new Map(told);
}

async function askWorker(
  network: Network,
  peer: PeerId,
  body: Uint8Array,
  { signal }: SignalOption,
): Promise<ReadonlyMap<number, WorkerStep>> {
  try {
    const bytes = await network.request(peer, 'job', body, { timeoutMs: ASK_TIMEOUT_MS, signal });
    const answer = decodeMessage(bytes, jobAnswerShape);
    if (!answer.ok) network.penalise(peer, answer.penalty, answer.reason);
    const rows = answer.ok && answer.value.t === 'doing' ? answer.value.rows : [];
    return new Map(rows.map(({ shard, step }) => [shard, step]));
  } catch (cause) {
    if (signal?.aborted) throw cause;
    return new Map();
  }
}

function withSteps({ shard, workers }: BareRow, steps: Steps): WhyWorker[] {
  return workers.map((worker) => {
    return { ...worker, step: steps.get(worker.peer)?.get(shard) ?? null };
  });
}
