/**
 * What consensus orders, as consensus sees it: opaque payloads and a pure state machine. A block is
 * valid only if executing it gives exactly the roots it claims (design job.md section 4.6).
 */
import type { Digest } from '../base/ids.ts';
import type { Checked } from '../base/verdict.ts';

export interface Payload {
  /** What blocks refer to it by; binds every byte. */
  readonly id: Digest;
  readonly bytes: Uint8Array;
  /** Decoded and verified by the application's checker. */
  readonly value: unknown;
}

export interface Executed<S> {
  readonly state: S;
  readonly stateRoot: Digest;
  readonly resultsRoot: Digest;
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
  /** True when waiting for more payloads before proposing gains nothing. Default: never. */
  urgent?(state: S, pending: readonly Payload[]): boolean;
}
