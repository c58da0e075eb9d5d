/**
 * What a driver needs of the world and what it offers: the boundary between consensus and whoever
 * takes part in it. Everything a driver touches is one of these ports.
 */
import type { KadreError } from '../base/errors.ts';
import type { Clock, Logger, Random, SignatureVerifier, Wal } from '../base/ports.ts';
import type { Checked, Refusal } from '../base/verdict.ts';
import type { SignatureScheme } from '../crypto/portable/signature-scheme.ts';
import type { Application, Payload } from './application.ts';
import type { Commit } from './effects.ts';
import type { HeldEvidence } from './evidence.ts';
import type { Occupancy } from './occupancy.ts';
import type { PacemakerOptions } from './pacemaker.ts';
import type { ReplicaState } from './replica-state.ts';
import type { CadreSeats } from './seats.ts';
import type { CommitCert } from './types.ts';

export interface DriverComponents<S> {
  readonly application: Application<S>;
  readonly clock: Clock;
  readonly random: Random;
  readonly verifier: SignatureVerifier;
  /** How the seats sign. Default: a list of Ed25519 signatures, checked by `verifier`. */
  readonly scheme?: SignatureScheme;
  /** Signs with the key made for this plan. */
  readonly signer: { sign(message: Uint8Array): Uint8Array };
  readonly wal: Wal;
  readonly log: Logger;
  /** Fire and forget to a seat; a lost message is repaired by timeouts. */
  send(seat: number, message: Uint8Array): void;
  /** Judges payload bytes that a peer sent on request. */
  checkPayload(bytes: Uint8Array): Promise<Checked<Payload>>;
}

export interface DriverInit {
  readonly seats: CadreSeats;
  /** What the log held when it was opened. */
  readonly records: readonly Uint8Array[];
  /** True only when the plan's key was made together with this log. */
  readonly keyIsNew: boolean;
  /** The key is kept in the log's own file: an empty log asks the others instead of giving up. */
  readonly keyIsInLog?: boolean;
  readonly pacemaker?: Partial<PacemakerOptions>;
  /** The disk failed, or more than f seats are Byzantine: this driver has stopped for good. */
  readonly onFatal?: (error: KadreError) => void;
  /** A member sent something invalid. */
  readonly onMisbehaviour?: (seat: number, refusal: Refusal) => void;
  /** A fault of a seat was proven, by this member or by another. */
  readonly onEvidence?: (held: HeldEvidence) => void;
  /** A member sent something, whatever it was. */
  readonly onHeard?: (seat: number) => void;
}

export interface ConsensusDriver<S> {
  /** Recovers from the log, re-sends, begins. Recovered commits are reported first. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Holds a payload that the application checked; idempotent, bounded. */
  submit(payload: Payload): void;
  /** A message from an authenticated member; never throws. */
  receive(from: number, message: Uint8Array): void;
  /** Our certificates, as a message to anybody: also to one that has no seat in this epoch. */
  greeting(): Uint8Array;
  /** Asks a member for something that every running one answers. */
  probe(seat: number): void;
  /** A listener sees every final block once per run, by height; returns how to remove it. */
  onCommit(listener: (commit: Commit<S>) => void): () => void;
  readonly finalState: S;
  readonly finalHeight: number;
  readonly finalCert: CommitCert | undefined;
  /** What is held and not final. */
  readonly pending: readonly Payload[];
  readonly round: number;
  /** How full everything is that others can fill. */
  readonly occupancy: Occupancy;
  readonly signing: ReplicaState<S>['signing'];
}
