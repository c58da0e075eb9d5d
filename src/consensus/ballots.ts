/**
 * One ballot per seat and round: the first counts, a different second is equivocation and changes
 * nothing (a voter must not be able to withdraw from a forming quorum). Bounded by rounds x seats.
 */
export interface Ballot {
  readonly round: number;
  readonly voter: number;
}

/** Ballots by round and seat. Immutable: every change is a new value. */
export type Ballots<B extends Ballot> = ReadonlyMap<number, ReadonlyMap<number, B>>;

export type Cast<B extends Ballot> =
  | { readonly kind: 'counted'; readonly ballots: Ballots<B>; readonly round: readonly B[] }
  | { readonly kind: 'repeated' }
  | { readonly kind: 'conflict'; readonly first: B };

export interface CastRules<B> {
  /** True when two ballots of one seat and round say the same. */
  readonly same: (first: B, second: B) => boolean;
  /** Rounds kept at most; beyond it the lowest round is dropped. */
  readonly roundsMax: number;
}

export function castBallot<B extends Ballot>(
  ballots: Ballots<B>,
  ballot: B,
  rules: CastRules<B>,
): Cast<B> {
  const before = ballots.get(ballot.round);
  const first = before?.get(ballot.voter);
  if (first !== undefined) {
    return rules.same(first, ballot) ? { kind: 'repeated' } : { kind: 'conflict', first };
  }
  const round = new Map(before ?? []).set(ballot.voter, ballot);
  const next = new Map(ballots).set(ballot.round, round);
  if (next.size > rules.roundsMax) next.delete(Math.min(...next.keys()));
  return { kind: 'counted', ballots: next, round: [...round.values()] };
}

/** Forgets every round below `roundMin`. */
export function forgetBallots<B extends Ballot>(ballots: Ballots<B>, roundMin: number): Ballots<B> {
  let next: Map<number, ReadonlyMap<number, B>> | undefined;
  for (const round of ballots.keys()) {
    if (round >= roundMin) continue;
    next ??= new Map(ballots);
    next.delete(round);
  }
  return next ?? ballots;
}

/** Ballots in seat order: what is signed or hashed never follows a map's order of arrival. */
export function bySeat<B extends Ballot>(ballots: readonly B[]): B[] {
  return ballots.toSorted((a, b) => a.voter - b.voter);
}
