/**
 * Everything a replica can ask for: the closed union at its output. What may leave only after a
 * record is durable sits INSIDE the persist effect, so "fsync before send" is a type, not a habit
 * (design consensus.md section 6).
 */
import type { Digest } from '../base/ids.ts';
import type { LogLevel } from '../base/ports.ts';
import type { Payload } from './application.ts';
import type { HeldEvidence } from './evidence.ts';
import type { Input, TimerName } from './inputs.ts';
import type { LogRecord } from './log-records.ts';
import type { Message, UnsignedMessage } from './messages.ts';
import type { Block, CommitCert } from './types.ts';

/** One final block, in order of height, each exactly once per run of a driver. */
export interface Commit<S> {
  readonly height: number;
  readonly blockId: Digest;
  readonly block: Block;
  readonly payloads: readonly Payload[];
  readonly evidence: readonly HeldEvidence[];
  /** Application state after this block. */
  readonly state: S;
  /** Proof that this block is final: over it, or over a descendant. */
  readonly cert: CommitCert;
  /** Headers from this block's child to the certified one; [] when `cert` is over this block. */
  readonly links: readonly Block[];
  /** A snapshot led here, past commits that were never delivered: the blocks of its era. */
  readonly jumped?: {
    readonly headers: readonly Block[];
    readonly evidence: readonly HeldEvidence[];
  };
}

export type Release<S> =
  | { readonly kind: 'send'; readonly to: number | 'others'; readonly message: Message }
  /** Our own message, counted like anyone's, and only once it is durable. */
  | { readonly kind: 'loopback'; readonly input: Input }
  | { readonly kind: 'deliver'; readonly commit: Commit<S> };

export type Effect<S> =
  | {
      readonly kind: 'persist';
      readonly records: readonly LogRecord[];
      readonly release: readonly Release<S>[];
    }
  /** Leaves at once. A signed message cannot: its type has no place here. */
  | { readonly kind: 'send'; readonly to: number | 'others'; readonly message: UnsignedMessage }
  /** Replaces a timer of the same name. */
  | {
      readonly kind: 'timer';
      readonly name: TimerName;
      readonly round: number;
      readonly delayMs: number;
    }
  | { readonly kind: 'cancel-timer'; readonly name: TimerName }
  /** The block with this id and its missing ancestors are wanted; these seats should hold it. */
  | { readonly kind: 'fetch-block'; readonly id: Digest; readonly seats: readonly number[] }
  | {
      readonly kind: 'fetch-payloads';
      readonly ids: readonly Digest[];
      readonly seats: readonly number[];
    }
  /** A fault of a seat was proven that was not known here before. */
  | { readonly kind: 'evidence'; readonly held: HeldEvidence }
  | {
      readonly kind: 'log';
      readonly level: LogLevel;
      readonly event: string;
      readonly fields: Readonly<Record<string, unknown>>;
    }
  /** More than f seats are Byzantine, or execution is not deterministic: stop and alert. */
  | { readonly kind: 'breach'; readonly reason: string; readonly proof: unknown };
