/**
 * From a log back to a replica: every record goes through the same step as live messages, in the
 * order it was written, with signing switched off. Then the safety state is what the last signed
 * record says. Design consensus.md section 1.10.
 */
import { equalBytes } from '../base/bytes.ts';
import { KadreError } from '../base/errors.ts';
import type { Checked } from '../base/verdict.ts';
import type { Payload } from './application.ts';
import type { Commit, Effect } from './effects.ts';
import { decodeEvidence, type HeldEvidence, holdEvidence, proofOf } from './evidence.ts';
import type { Input } from './inputs.ts';
import { decodeRecord, type LogRecord } from './log-records.ts';
import { decodeMessage, type SignedMessage } from './messages.ts';
import { step } from './replica.ts';
import { initialReplica, type ReplicaConfig, type ReplicaState, roundOf } from './replica-state.ts';
import type { SafetyState } from './safety-rules.ts';
import type { CadreSeats } from './seats.ts';
import { decodeSnapshot } from './snapshot.ts';
import { readSnapshotRecords } from './snapshot-records.ts';
import { type CommitCert, markVerified, type Qc, type Tc } from './types.ts';

export interface RecoveryInit {
  /** The log as it was found; the torn tail is gone already. */
  readonly records: readonly Uint8Array[];
  /** The consensus key was made just now. An empty log beside an older key lost its memory. */
  readonly keyIsNew: boolean;
  /**
   * The log's own file holds the key, so an empty log has lost nothing but what a rolled-back disk
   * takes: the others are asked, as after any restart.
   */
  readonly keyIsInLog?: boolean | undefined;
  readonly checkPayload: (bytes: Uint8Array) => Promise<Checked<Payload>>;
}

export interface Recovered<S> {
  readonly state: ReplicaState<S>;
  /** Final blocks, oldest first. */
  readonly commits: readonly Commit<S>[];
}

/** Throws DATA_DIR_DAMAGED when the log is not one that this replica can have written. */
export async function recover<S>(
  config: ReplicaConfig<S>,
  init: RecoveryInit,
): Promise<Recovered<S>> {
  const { records, keyIsNew, keyIsInLog } = init;
  const blank = initialReplica(config);
  if (records.length === 0) {
    // Amnesia must not sign: what this key said before is unknown.
    const unsure = keyIsInLog === true ? 'probation' : 'observer';
    return { state: { ...blank, signing: keyIsNew ? 'active' : unsure }, commits: [] };
  }
  const replay = new Replay(config, { ...blank, signing: 'observer' });
  const opened = decode(records[0]!);
  if (!belongsTo(opened, config.pen.seats)) throw damaged('the log is of another seat or plan');
  for (const bytes of records.slice(1)) await replay.take(decode(bytes), init.checkPayload);
  return replay.finish();
}

function decode(bytes: Uint8Array): LogRecord {
  const record = decodeRecord(bytes);
  if (!record.ok) throw damaged(`a record does not decode: ${record.reason}`);
  return record.value;
}

function belongsTo(record: LogRecord, seats: CadreSeats): boolean {
  return (
    record.kind === 'open' &&
    record.seat === seats.self &&
    record.epoch === seats.epoch &&
    equalBytes(record.planId, seats.planId) &&
    equalBytes(record.cadreRoot, seats.cadreRoot)
  );
}

function damaged(why: string): KadreError {
  return new KadreError({ code: 'DATA_DIR_DAMAGED' }, `consensus log: ${why}`);
}

class Replay<S> {
  readonly #config: ReplicaConfig<S>;
  readonly #commits: Commit<S>[] = [];
  #state: ReplicaState<S>;
  #safety: SafetyState;
  #isBreached = false;
  /** Of a snapshot that is not complete yet. */
  readonly #parts: Uint8Array[] = [];

  constructor(config: ReplicaConfig<S>, state: ReplicaState<S>) {
    this.#config = config;
    this.#state = state;
    this.#safety = state.safety;
  }

  async take(
    record: LogRecord,
    checkPayload: (bytes: Uint8Array) => Promise<Checked<Payload>>,
  ): Promise<void> {
    switch (record.kind) {
      case 'open':
        throw damaged('opened twice');
      case 'payload': {
        const payload = await checkPayload(record.bytes);
        if (!payload.ok) throw damaged(`a payload is refused: ${payload.reason}`);
        return this.#step({ kind: 'payload', payload: payload.value });
      }
      case 'evidence':
        return this.#evidence(record.bytes);
      case 'block':
        this.#certificates({ qc: record.block.qc });
        return this.#step({ kind: 'block', block: record.block });
      case 'tc':
        return this.#certificates({ tc: record.tc });
      case 'final':
        this.#certificates({ cc: record.cert });
        if (this.#state.tree.root.height < record.cert.height) {
          throw damaged('a final block is missing');
        }
        return;
      case 'snapshot':
        // A power cut may have left the first parts of one that nothing followed from.
        if (record.part === 0) this.#parts.splice(0);
        this.#parts.push(record.bytes);
        return record.part === record.parts - 1 ? this.#snapshot(this.#parts.splice(0)) : undefined;
      case 'signed':
        return this.#signed(record);
      case 'breach':
        this.#isBreached = true;
    }
  }

  #evidence(bytes: Uint8Array): void {
    this.#step({ kind: 'evidence', held: this.#held(bytes), found: false });
  }

  /** Its signatures were checked before it was written. */
  #held(bytes: Uint8Array): HeldEvidence {
    const { seats } = this.#config.pen;
    const evidence = decodeEvidence(bytes);
    const proof = evidence.ok ? proofOf(seats, evidence.value) : evidence;
    if (!proof.ok || !evidence.ok) throw damaged('evidence that proves nothing');
    return holdEvidence(seats, evidence.value, proof.value.fault);
  }

  async #snapshot(parts: Uint8Array[]): Promise<void> {
    const stored = readSnapshotRecords(parts);
    const body = stored.ok ? decodeSnapshot(stored.value.snapshot) : stored;
    if (!stored.ok || !body.ok) throw damaged('a snapshot does not decode');
    const { snapshots } = this.#config.application;
    const executed = await snapshots?.decode(body.value.state, async () => {});
    if (executed?.ok !== true) throw damaged('a snapshot cannot be restored');
    const { headers } = stored.value;
    const cert = markVerified(stored.value.cert);
    const evidence = body.value.evidence.map((bytes) => this.#held(bytes));
    this.#certificates({ cc: cert });
    const snapshot = { cert, headers, evidence, executed: executed.value };
    this.#step({ kind: 'snapshot', snapshot });
    if (this.#state.tree.root.height < body.value.height) throw damaged('a snapshot is not one');
  }

  finish(): Recovered<S> {
    const { tree } = this.#state;
    const round = roundOf(this.#state);
    if (round < this.#safety.lastVotedRound) throw damaged('a round voted in is not proven');
    const stored = [...tree.entries].map(
      ([key, entry]) => [key, { ...entry, stored: true }] as const,
    );
    const state: ReplicaState<S> = {
      ...this.#state,
      tree: { ...tree, entries: new Map(stored) },
      safety: this.#safety,
      signing: this.#isBreached ? 'observer' : 'probation',
      failures: 0,
      heardRound: 0,
      roundTimer: false,
      proposeTimer: undefined,
    };
    return { state, commits: this.#commits };
  }

  #signed(record: Extract<LogRecord, { kind: 'signed' }>): void {
    const decoded = decodeMessage(record.message);
    if (!decoded.ok) throw damaged(`a signed message does not decode: ${decoded.reason}`);
    const { epoch, lastVotedRound, lastProposedRound, lockRound } = record;
    const { highestTimeoutRound, lastCommitRound } = record;
    const rounds = { lastVotedRound, lastProposedRound, lockRound };
    const safety = { ...this.#safety, epoch, ...rounds, highestTimeoutRound, lastCommitRound };
    // The log holds only what this node itself made or had checked.
    const message = markVerified(decoded.value as SignedMessage);
    switch (message.kind) {
      case 'proposal':
        this.#certificates({ qc: message.block.qc, tc: message.tc, cc: message.cc });
        this.#step({ kind: 'block', block: message.block });
        this.#safety = { ...safety, lastProposal: markVerified(message) };
        return;
      case 'vote':
        this.#safety = { ...safety, lastVote: markVerified(message) };
        return;
      case 'timeout':
        this.#certificates({ qc: message.highQc, tc: message.tc, cc: message.cc });
        this.#safety = { ...safety, lastTimeout: markVerified(message) };
        return;
      case 'commit':
        this.#certificates({ qc: message.qc });
        this.#safety = { ...safety, lastCommitVote: markVerified(message) };
        return;
      default:
        throw damaged('a signed record of another kind');
    }
  }

  #certificates(certs: { qc?: Qc; tc?: Tc | undefined; cc?: CommitCert | undefined }): void {
    const highQc = certs.qc ?? this.#state.highQc;
    const highTc = certs.tc && { highTc: certs.tc };
    const highCc = certs.cc && { highCc: certs.cc };
    const message = markVerified({ kind: 'sync' as const, highQc, ...highTc, ...highCc });
    this.#step({ kind: 'sync', message, from: this.#config.pen.seats.self });
  }

  #step(input: Input): void {
    const result = step(this.#config, this.#state, input, 0);
    this.#state = result.state;
    this.#commits.push(...result.effects.flatMap(commitsOf));
    if (result.state.breached) this.#isBreached = true;
  }
}

function commitsOf<S>(effect: Effect<S>): Commit<S>[] {
  if (effect.kind !== 'persist') return [];
  return effect.release.flatMap((release) => (release.kind === 'deliver' ? [release.commit] : []));
}
