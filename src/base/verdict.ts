/**
 * What we conclude about something a peer sent. Remote bytes never throw: a function that judges
 * them returns a `Checked<T>`, and its caller decides what to do with the peer
 * (style.md, "Errors").
 */

/**
 * `ignore`: harmless or out of date, no consequence. `reject`: malformed or invalid, counts against
 * the sender. `ban`: provably hostile, the connection is cut.
 */
export type Penalty = 'ignore' | 'reject' | 'ban';

export interface Refusal {
  readonly ok: false;
  readonly penalty: Penalty;
  /** Stable kebab-case reason; tests and metrics match on it. */
  readonly reason: string;
  /** One sentence for a person; never parsed. */
  readonly detail?: string;
}

export interface Accepted<T> {
  readonly ok: true;
  readonly value: T;
}

export type Checked<T> = Accepted<T> | Refusal;

export function accept<T>(value: T): Accepted<T> {
  return { ok: true, value };
}

export function refuse(reason: string, penalty: Penalty = 'reject', detail?: string): Refusal {
  return detail === undefined
    ? { ok: false, penalty, reason }
    : { ok: false, penalty, reason, detail };
}
