/**
 * Whether this node takes on new work, and why not. What it has begun it goes on with either way:
 * only adverts, seats and first assignments ask here. There may be several reasons at a time.
 */
export class WorkGate {
  readonly #reasons = new Set<string>();

  /** The oldest reason why nothing new is taken; undefined while it is. */
  get closedFor(): string | undefined {
    return this.#reasons.values().next().value;
  }

  close(why: string): void {
    this.#reasons.add(why);
  }

  /** Takes this reason away; others may be left. */
  open(why: string): void {
    this.#reasons.delete(why);
  }
}
