/**
 * The replica's state, and the draft that one step works on. Every field is an immutable value: a
 * draft replaces fields and never changes what they hold, so an old state stays what it was.
 */
import type { LogLevel } from '../base/ports.ts';
import type { Application, Payload } from './application.ts';
import { type BlockTree, type TreeEntry, treeFromGenesis } from './block-tree.ts';
import type { Commits } from './commit-collector.ts';
import type { Effect, Release } from './effects.ts';
import type { HeldEvidence } from './evidence.ts';
import { type LeaderRecord, leaderOf, NO_RECORD } from './leader.ts';
import type { LogRecord } from './log-records.ts';
import { encodeMessage, type Proposal, type SignedMessage } from './messages.ts';
import { type PacemakerOptions, provenRound } from './pacemaker.ts';
import { initialSafety, type Pen, type SafetyState, type Signed } from './safety-rules.ts';
import { genesisId, genesisQc } from './seats.ts';
import type { Timeouts } from './timeout-collector.ts';
import type { Block, CommitCert, Qc, Tc, Verified } from './types.ts';
import type { Votes } from './vote-collector.ts';
import type { Witnessed } from './witness.ts';

/** What never changes during a replica's life. */
export interface ReplicaConfig<S> {
  readonly pen: Pen;
  readonly application: Application<S>;
  readonly pacemaker: PacemakerOptions;
}

/** A block that cannot be executed yet: its parent or some payload is missing. */
export interface WaitingBlock {
  readonly block: Block;
  readonly key: string;
}

/** A checked proposal and the key of its block. */
export interface SeenProposal {
  readonly key: string;
  readonly message: Verified<Proposal>;
  /** The block was handed to the tree: who leads may only become clear after a proposal came. */
  readonly isTaken: boolean;
}

export interface ReplicaState<S> {
  /** `probation`: restarted, not yet cleared by the others. Observers follow and never sign. */
  readonly signing: 'active' | 'probation' | 'observer';
  readonly breached: boolean;
  readonly safety: SafetyState;
  readonly highQc: Verified<Qc>;
  readonly highTc: Verified<Tc> | undefined;
  readonly highCc: Verified<CommitCert> | undefined;
  /** k_fail of the pacemaker. */
  readonly failures: number;
  /** T0: the configured one, or what was measured since. */
  readonly timeoutBaseMs: number;
  readonly enteredBy: 'qc' | 'tc';
  /** Highest round of which a signed message of another seat was seen. */
  readonly heardRound: number;
  readonly tree: BlockTree<S>;
  readonly votes: Votes;
  readonly timeouts: Timeouts;
  readonly commits: Commits;
  /** Held payloads that are not executed on the final chain, by hex id, oldest first. */
  readonly payloads: ReadonlyMap<string, Payload>;
  readonly payloadBytes: number;
  /** The first proposal of each seat in the current round. */
  readonly proposals: ReadonlyMap<number, SeenProposal>;
  /** Proven faults that are not on the final chain, by hex id, oldest first. */
  readonly evidence: ReadonlyMap<string, HeldEvidence>;
  readonly witnessed: ReadonlyMap<number, Witnessed>;
  readonly waiting: ReadonlyMap<string, WaitingBlock>;
  /** Certified rounds above the root: block key by round. */
  readonly certified: ReadonlyMap<number, string>;
  /** The highest block that rule B made final. */
  readonly finalByChain: { readonly height: number; readonly key: string } | undefined;
  /** What the final chain says about who leads. */
  readonly leaders: LeaderRecord;
  readonly roundTimer: boolean;
  /** Why a leader's timer runs: for more payloads, or before an empty block. */
  readonly proposeTimer: 'batch' | 'flush' | undefined;
  /** Remembers the application's last selection for these very inputs. */
  readonly choice: Choice | undefined;
}

export interface Choice {
  readonly tipKey: string;
  readonly payloads: ReadonlyMap<string, Payload>;
  readonly pending: readonly Payload[];
  readonly selected: readonly Payload[];
}

export type Draft<S> = {
  -readonly [K in keyof ReplicaState<S>]: ReplicaState<S>[K];
} & {
  readonly config: ReplicaConfig<S>;
  readonly effects: Effect<S>[];
  readonly wallMs: number;
  /** The round was entered in this very step. */
  entered: boolean;
  /** The propose timer has just fired. */
  proposeDue: boolean;
};

export function initialReplica<S>(config: ReplicaConfig<S>): ReplicaState<S> {
  const { seats } = config.pen;
  return {
    signing: 'active',
    breached: false,
    safety: initialSafety(seats.epoch),
    highQc: genesisQc(seats),
    highTc: undefined,
    highCc: undefined,
    failures: 0,
    timeoutBaseMs: config.pacemaker.timeoutBaseMs,
    enteredBy: 'qc',
    heardRound: 0,
    tree: treeFromGenesis(genesisId(seats), config.application.genesis),
    votes: new Map(),
    timeouts: new Map(),
    commits: new Map(),
    payloads: new Map(),
    payloadBytes: 0,
    proposals: new Map(),
    evidence: new Map(),
    witnessed: new Map(),
    waiting: new Map(),
    certified: new Map(),
    finalByChain: undefined,
    leaders: NO_RECORD,
    roundTimer: false,
    proposeTimer: undefined,
    choice: undefined,
  };
}

/** The current round: one above the higher of QC and TC, never anything else. */
export function roundOf<S>(state: Pick<ReplicaState<S>, 'highQc' | 'highTc'>): number {
  return provenRound(state.highQc, state.highTc);
}

/** Who leads the current round, as far as the final chain is known here. */
export function currentLeader<S>(draft: Draft<S>): number {
  return leaderOf(draft.config.pen.seats.order, draft.leaders, roundOf(draft));
}

export function seatCountOf<S>(draft: Draft<S>): number {
  return draft.config.pen.seats.seats.length;
}

export function canSign<S>(state: ReplicaState<S> | Draft<S>): boolean {
  return state.signing === 'active' && !state.breached;
}

/** What a block refers to: the log has it before the block. */
export function contentRecords<S>({ payloads, evidence }: TreeEntry<S>): LogRecord[] {
  return [
    ...payloads.map(({ bytes }) => ({ kind: 'payload', bytes }) as const),
    ...evidence.map(({ bytes }) => ({ kind: 'evidence', bytes }) as const),
  ];
}

/** Records of blocks that the log lacks, payloads first, and marks them stored. */
export function storeBlocks<S>(draft: Draft<S>, chain: readonly TreeEntry<S>[]): LogRecord[] {
  const records: LogRecord[] = [];
  const entries = new Map(draft.tree.entries);
  for (const entry of chain) {
    if (entry.stored || entry.block === undefined) continue;
    records.push(...contentRecords(entry), { kind: 'block', block: entry.block });
    if (entries.has(entry.key)) entries.set(entry.key, { ...entry, stored: true });
  }
  if (records.length > 0) draft.tree = { ...draft.tree, entries };
  return records;
}

/** Takes a signing decision into the state and returns the record that must precede its message. */
export function adoptSigned<S>(draft: Draft<S>, signed: Signed<SignedMessage>): LogRecord {
  draft.safety = signed.safety;
  const { epoch, lastVotedRound, lastProposedRound } = signed.safety;
  const { lockRound, highestTimeoutRound, lastCommitRound } = signed.safety;
  const message = encodeMessage(signed.message);
  const rounds = { lastVotedRound, lastProposedRound, lockRound };
  return { kind: 'signed', epoch, ...rounds, highestTimeoutRound, lastCommitRound, message };
}

export function persist<S>(
  draft: Draft<S>,
  records: readonly LogRecord[],
  release: readonly Release<S>[],
): void {
  draft.effects.push({ kind: 'persist', records, release });
}

/** Our own signed message goes through the log's queue even when nothing new is written. */
export function resend<S>(draft: Draft<S>, to: number | 'others', message: SignedMessage): void {
  persist(draft, [], [{ kind: 'send', to, message }]);
}

export function log<S>(
  draft: Draft<S>,
  event: string,
  fields: Record<string, unknown>,
  level: LogLevel = 'debug',
): void {
  draft.effects.push({ kind: 'log', level, event, fields });
}

/** More than f seats are Byzantine, or execution is not deterministic: never sign again. */
export function breach<S>(draft: Draft<S>, reason: string, proof: unknown): void {
  if (draft.breached) return;
  draft.breached = true;
  draft.effects.push({ kind: 'breach', reason, proof });
}
