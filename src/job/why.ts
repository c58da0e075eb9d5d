/**
 * Why a job is not done yet: who should run a shard, who has it, what it waits for; as data, and in
 * words for people (contract.md, `why JOB`; docs/protocol/job-messages.md sections 2.8 and 2.9).
 * Nothing in the protocol depends on any of it.
 */
import type { PeerId } from '../base/ids.ts';
import type { PHASES, STANDINGS } from './ledger/shard-table.ts';

/** What a shard waits for. */
export type PhaseName = keyof typeof PHASES;
/** Where the ledger sees one worker of a shard. */
export type StandingName = keyof typeof STANDINGS;

export const PHASE_NAMES = ['sealing', 'revealing', 'accepted'] as const satisfies PhaseName[];
export const STANDING_NAMES = [
  'entitled',
  'overdue',
  'refused',
  'sealed',
  'closed',
  'revealed',
  'withheld',
  'superseded',
] as const satisfies StandingName[];

/** What a worker says that it does about a shard. */
export const WORKER_STEPS = ['queued', 'fetching', 'running', 'sealed', 'refused'] as const;
export type WorkerStep = (typeof WORKER_STEPS)[number];

/** How far a job is, as its requester sees it. */
export type JobStage =
  | 'finding-peers'
  | 'announcing'
  | 'computing'
  | 'collecting'
  | 'done'
  | 'failed';

export interface WhyWorker {
  readonly peer: PeerId;
  /** Of entitlement. */
  readonly wave: number;
  /** By the ledger; null when no judge answered, and placement alone says who should run it. */
  readonly standing: StandingName | null;
  /** By the worker itself; null when it does not answer, or knows nothing of the shard. */
  readonly step: WorkerStep | null;
}

export interface WhyShard {
  readonly shard: number;
  /** Null when no judge answered. */
  readonly phase: PhaseName | null;
  readonly wave: number;
  /** Who should run it: the first wave by placement, which anybody can recompute. */
  readonly firstWave: readonly PeerId[];
  /** Who has it or had it, in order of entitlement. */
  readonly workers: readonly WhyWorker[];
  /** Whose seal or reveal is awaited now. */
  readonly waitsFor: readonly PeerId[];
  readonly words: string;
}

export interface WhyReport {
  readonly jobId: string;
  readonly stage: JobStage;
  readonly shards: number;
  readonly accepted: number;
  /** The judges and what each said: `ok`, or why it said nothing. */
  readonly judges: readonly { readonly peer: PeerId; readonly answer: string }[];
  /** The judge whose ledger is shown; null when none answered. */
  readonly source: PeerId | null;
  readonly rows: readonly WhyShard[];
  /** Where to go on asking; null when these are all. */
  readonly next: number | null;
  /** The job as a whole. */
  readonly words: string;
}

/** A row with what follows from it: whose next step is awaited, and the same in words. */
export function completeRow(row: Omit<WhyShard, 'waitsFor' | 'words'>): WhyShard {
  const awaited = row.workers.filter((worker) => isAwaited(row.phase, worker));
  const waitsFor = awaited.map(({ peer }) => peer);
  return { ...row, waitsFor, words: shardWords(row, awaited) };
}

/** Seals while a shard is sealing, reveals once its set is closed; without a ledger, anything. */
function isAwaited(phase: PhaseName | null, { standing }: WhyWorker): boolean {
  if (phase === 'accepted') return false;
  return standing === null || standing === (phase === 'revealing' ? 'closed' : 'entitled');
}

const PHASE_WORDS: Readonly<Record<PhaseName, string>> = {
  sealing: 'being computed',
  revealing: 'computed, being revealed',
  accepted: 'accepted',
};

const STEP_WORDS: Readonly<Record<WorkerStep, string>> = {
  queued: 'has it in its queue',
  fetching: 'is fetching its inputs',
  running: 'is running it',
  sealed: 'has computed it',
  refused: 'has refused it',
};

function shardWords(
  { shard, phase, wave, workers }: Omit<WhyShard, 'waitsFor' | 'words'>,
  awaited: readonly WhyWorker[],
): string {
  const where = wave === 0 ? `shard ${shard}` : `shard ${shard}, wave ${wave}`;
  if (phase === 'accepted') return `${where}: accepted`;
  const inStanding = (...standings: (StandingName | null)[]) =>
    workers.filter(({ standing }) => standings.includes(standing)).map(({ peer }) => peer);
  const parts = [
    phase === null ? 'no judge answers, so this is by placement alone' : PHASE_WORDS[phase],
    listed(
      'waits for',
      awaited.map(({ peer, step }) => `${peer} (${stepWords(step)})`),
    ),
    listed('has it from', inStanding('sealed', 'revealed')),
    listed('gave up on', inStanding('overdue', 'withheld')),
    listed('was refused by', inStanding('refused')),
  ];
  return `${where}: ${parts.filter((part) => part !== '').join('; ')}`;
}

function stepWords(step: WorkerStep | null): string {
  return step === null ? 'says nothing of it' : STEP_WORDS[step];
}

function listed(verb: string, names: readonly string[]): string {
  return names.length === 0 ? '' : `${verb} ${names.join(', ')}`;
}

const STAGE_WORDS: Readonly<Record<JobStage, string>> = {
  'finding-peers': 'looking for capable peers',
  announcing: 'the cadre is being seated and told the plan',
  computing: 'the workers compute and the cadre judges',
  collecting: 'agreed; certificate and outputs are being fetched and verified',
  done: 'done',
  failed: 'failed',
};

/** The job as a whole. `reason`: what one that looks for peers lacks, or why one failed. */
export function jobWords(
  stage: JobStage,
  { accepted, shards, judges }: Pick<WhyReport, 'accepted' | 'shards' | 'judges'>,
  reason: string | undefined,
): string {
  if (stage === 'finding-peers') return `${STAGE_WORDS[stage]}: ${reason}`;
  const silent = judges.filter(({ answer }) => answer !== 'ok');
  const said = silent.map(({ peer, answer }) => `${peer}: ${answer}`).join(', ');
  const judged = `${silent.length} of ${judges.length} judges say nothing (${said})`;
  const parts = [
    ...(reason === undefined ? [] : [reason]),
    `${accepted} of ${shards} shards accepted`,
    ...(silent.length === 0 ? [] : [judged]),
  ];
  return `${STAGE_WORDS[stage]}: ${parts.join('; ')}`;
}
