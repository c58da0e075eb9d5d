/**
 * What consensus orders, as consensus sees it: opaque payloads and a pure state machine. A block is
 * valid only if executing it gives exactly the roots it claims (design job.md section 4.6).
 */
import type { Digest } from '../base/ids.ts';
import type { Checked } from '../base/verdict.ts';
import type { Roots } from './roots.ts';

export interface Payload {
  /** What blocks refer to it by; binds every byte. */
  readonly id: Digest;
  readonly bytes: Uint8Array;
  /** Decoded and verified by the application's checker. */
  readonly value: unknown;
}

export interface Executed<S> extends Roots {
  readonly state: S;
}

export interface StateSnapshots<S> {
  /** Deterministic: equal states give equal bytes, on whatever machine. */
  encode(state: S): Uint8Array;
  /**
   * Reads hostile bytes. The roots are computed from what the state holds, never read from it.
   * `pause` lets other work run and is awaited every few milliseconds of work.
   */
  decode(encoded: Uint8Array, pause: () => Promise<void>): Promise<Checked<Executed<S>>>;
}

/** Pure and deterministic: every function runs inside the replica's step. States are immutable. */
export interface Application<S> {
  readonly genesis: S;
  /** Executes payloads in block order; a refusal makes the block invalid. */
  execute(state: S, payloads: readonly Payload[]): Checked<Executed<S>>;
  /** Nothing more can follow: leaders stop proposing on such a state. */
  isFinal(state: S): boolean;
  /** What a leader should propose now, in execution order; [] for nothing. */
  select(state: S, pending: readonly Payload[]): readonly Payload[];
  /** How a state travels to members that lack the blocks behind it. Absent: they stay behind. */
  readonly snapshots?: StateSnapshots<S>;
  /** True when waiting for more payloads before proposing gains nothing. Default: never. */
  urgent?(state: S, pending: readonly Payload[]): boolean;
}
