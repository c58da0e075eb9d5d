/**
 * Which updates a round includes: a reducer over what the cadre has ordered, without a clock
 * (docs/protocol/federated-rules.md, section 7.2). Time enters as deadline marks of f + 1 seats, so
 * that a silent client delays a round by its deadline and one lying member decides nothing.
 */
import { toHex } from '../../base/bytes.ts';
import { accept, type Checked, refuse } from '../../base/verdict.ts';

export interface InclusionRules {
  readonly round: number;
  /** Hex ids of the clients that were drawn. */
  readonly roster: ReadonlySet<string>;
  /** Largest weight that one client may claim. */
  readonly weightMax: number;
  /** Rounds that an update's base model may lie behind, 0..4. */
  readonly stalenessMax: number;
  /** Fewest updates of a round that is not skipped. */
  readonly quorum: number;
  /** Seats of the cadre, and how many of them may lie. */
  readonly seats: number;
  readonly faults: number;
}

export interface Commitment {
  /** The client's id. */
  readonly client: Uint8Array;
  readonly weight: number;
  /** Merkle root of the message, 32 bytes. */
  readonly root: Uint8Array;
  /** Round of the model that the update was computed on. */
  readonly baseRound: number;
}

export type RoundRecord =
  | { readonly kind: 'commitment'; readonly commitment: Commitment }
  | { readonly kind: 'deadline'; readonly seat: number };

export interface InclusionState {
  /** By hex client id, in block order. At most the roster. */
  readonly included: ReadonlyMap<string, Commitment>;
  readonly marks: ReadonlySet<number>;
  readonly phase: 'open' | 'closed' | 'skipped';
}

export const EMPTY_INCLUSION: InclusionState = {
  included: new Map(),
  marks: new Set(),
  phase: 'open',
};

export interface BlockOutcome {
  readonly state: InclusionState;
  /** One per record of the block, in its order. */
  readonly verdicts: readonly Checked<null>[];
}

/** Executes one block's records; a refused record changes nothing. */
export function includeBlock(
  rules: InclusionRules,
  before: InclusionState,
  records: readonly RoundRecord[],
): BlockOutcome {
  const included = new Map(before.included);
  const marks = new Set(before.marks);
  const roots = new Set([...included.values()].map(({ root }) => toHex(root)));
  const verdicts = records.map((record): Checked<null> => {
    if (before.phase !== 'open') return refuse('round-closed', 'ignore');
    if (record.kind === 'deadline') {
      const { seat } = record;
      if (!Number.isInteger(seat) || seat < 0 || seat >= rules.seats) return refuse('not-a-seat');
      marks.add(seat);
      return accept(null);
    }
    const { commitment } = record;
    const verdict = judge(rules, { included, roots }, commitment);
    if (verdict.ok) {
      included.set(toHex(commitment.client), commitment);
      roots.add(toHex(commitment.root));
    }
    return verdict;
  });
  const isOver = marks.size > rules.faults || included.size === rules.roster.size;
  const phase =
    before.phase === 'open' && isOver
      ? included.size < rules.quorum
        ? 'skipped'
        : 'closed'
      : before.phase;
  return { state: { included, marks, phase }, verdicts };
}

interface Held {
  readonly included: ReadonlyMap<string, Commitment>;
  /** Hex roots of those included. */
  readonly roots: ReadonlySet<string>;
}

function judge(
  rules: InclusionRules,
  { included, roots }: Held,
  { client, weight, root, baseRound }: Commitment,
): Checked<null> {
  const id = toHex(client);
  if (!rules.roster.has(id)) return refuse('not-drawn');
  if (!Number.isInteger(weight) || weight < 1 || weight > rules.weightMax) {
    return refuse('bad-weight');
  }
  if (baseRound > rules.round) return refuse('future-base');
  if (rules.round - baseRound > rules.stalenessMax) return refuse('too-stale', 'ignore');
  const name = toHex(root);
  const earlier = included.get(id);
  if (earlier !== undefined) {
    return toHex(earlier.root) === name ? refuse('repeated', 'ignore') : refuse('equivocation');
  }
  return roots.has(name) ? refuse('duplicate-root') : accept(null);
}
