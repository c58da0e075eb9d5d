/**
 * One open round at its coordinator: which updates are taken, and why others are not
 * (docs/protocol/federated-round.md, section 9). Decides; fetching is done between the two halves.
 */
import { equalBytes, toHex } from '../../base/bytes.ts';
import { nodeIdOf, type PeerId } from '../../base/ids.ts';
import { accept, type Checked, type Refusal, refuse } from '../../base/verdict.ts';
import { blobRoot } from '../../blob/tree.ts';
import type { RoundMachine } from '../../federated/round/aggregate-round.ts';
import {
  checkStatement,
  type SignedStatement,
  type Statement,
} from '../../federated/round/statement.ts';
import { type TrainingPlan, updateBytesMax } from '../../federated/round/training-plan.ts';

export interface TakenUpdate {
  readonly signed: SignedStatement;
  readonly container: Uint8Array;
}

export class RoundDesk {
  readonly machine: RoundMachine;
  readonly #plan: TrainingPlan;
  /** By client; one that is being fetched has no container yet. */
  readonly #updates = new Map<PeerId, { statement: Statement; taken?: TakenUpdate }>();

  constructor(plan: TrainingPlan, machine: RoundMachine) {
    this.#plan = plan;
    this.machine = machine;
  }

  get taken(): readonly TakenUpdate[] {
    return [...this.#updates.values()].flatMap(({ taken }) => taken ?? []);
  }

  hasTaken(client: PeerId): boolean {
    return this.#updates.get(client)?.taken !== undefined;
  }

  /**
   * The first half: is this statement worth a fetch? `true` inside: it was taken before. Reasons:
   * those of `checkStatement`, `not-the-client`, `bad-weight`, `too-large`, `equivocation`,
   * `duplicate-root`, `in-flight`.
   */
  offer(from: PeerId, signed: SignedStatement): Checked<boolean> {
    const { statement } = signed;
    const node = nodeIdOf(from);
    if (node === undefined || !equalBytes(node, statement.client)) return refuse('not-the-client');
    const problem = checkStatement(signed, this.machine.place) ?? this.#checkBounds(statement);
    if (problem !== undefined) return problem;
    const earlier = this.#updates.get(from);
    if (earlier !== undefined) {
      if (!equalBytes(earlier.statement.root, statement.root)) return refuse('equivocation');
      return earlier.taken === undefined ? refuse('in-flight', 'ignore') : accept(true);
    }
    const root = toHex(statement.root);
    const others = [...this.#updates.values()];
    if (others.some((other) => toHex(other.statement.root) === root)) {
      return refuse('duplicate-root');
    }
    this.#updates.set(from, { statement });
    return accept(false);
  }

  /** The second half. Reasons: `wrong-length`, `wrong-root`, those of the codec. */
  take(from: PeerId, signed: SignedStatement, container: Uint8Array): Checked<null> {
    const { statement } = signed;
    const verdict = this.#checkContainer(statement, container);
    if (verdict.ok) this.#updates.set(from, { statement, taken: { signed, container } });
    else this.drop(from);
    return verdict;
  }

  /** An offer whose container did not come. */
  drop(from: PeerId): void {
    if (!this.hasTaken(from)) this.#updates.delete(from);
  }

  #checkBounds({ weight, bytes }: Statement): Refusal | undefined {
    if (weight > this.#plan.weightMax) return refuse('bad-weight');
    const { elements } = this.machine.context.schema;
    return bytes > updateBytesMax(elements) ? refuse('too-large') : undefined;
  }

  #checkContainer({ bytes, root }: Statement, container: Uint8Array): Checked<null> {
    if (container.length !== bytes) return refuse('wrong-length');
    if (!equalBytes(blobRoot(container), root)) return refuse('wrong-root');
    const { codec, context } = this.machine;
    const decoded = codec.decode(container, context);
    return decoded.ok ? accept(null) : decoded;
  }
}
