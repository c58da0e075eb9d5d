/**
 * Operations that fail throw one class, `KadreError`, with a stable code. What each code means, how
 * the command line exits for it and what its reader should do is one table, `ERROR_CODES`; the
 * documentation's table (docs/errors.md) is generated from it.
 */
import { ERROR_CODES, type ErrorCode } from './error-codes.ts';

export interface KadreErrorInit {
  readonly code: ErrorCode;
  /** Base58 peer id of the peer that the failure is about. */
  readonly peer?: string;
  /** Overrides the table's advice where the caller knows better what to type. */
  readonly advice?: string;
  /** Facts for programs: sizes, limits, attempts. JSON-safe. */
  readonly data?: Readonly<Record<string, unknown>>;
}

export interface ErrorJson {
  readonly code: ErrorCode;
  readonly message: string;
  readonly advice: string;
  readonly retryable: boolean;
  readonly peer?: string;
}

/** A failed operation. Users match on `code`, never on the message. */
export class KadreError extends Error {
  override readonly name = 'KadreError';
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly advice: string;
  readonly peer: string | undefined;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(init: KadreErrorInit, message: string, options?: ErrorOptions) {
    super(message, options);
    const row = ERROR_CODES[init.code];
    this.code = init.code;
    this.retryable = row.retryable;
    this.advice = init.advice ?? row.advice;
    this.peer = init.peer;
    this.data = init.data ?? {};
  }

  toJSON(): ErrorJson {
    const { code, message, advice, retryable, peer } = this;
    return { code, message, advice, retryable, ...(peer === undefined ? {} : { peer }) };
  }
}

/** Wraps anything thrown; a `KadreError` passes through unchanged. */
export function asKadreError(cause: unknown, code: ErrorCode, message: string): KadreError {
  if (cause instanceof KadreError) return cause;
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new KadreError({ code }, `${message}: ${detail}`, { cause });
}

/** A broken invariant of our own: a bug. Kept in production (style.md, "Errors"). */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`bug: ${message}`);
}
