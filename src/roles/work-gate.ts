/**
 * Whether this node takes on new work, and why not. What it has begun it goes on with either way:
 * only adverts, seats and first assignments ask here.
 */
export class WorkGate {
  #closedFor: string | undefined;

  /** Why nothing new is taken; undefined while it is. */
  get closedFor(): string | undefined {
    return this.#closedFor;
  }

  close(why: string): void {
    this.#closedFor = why;
  }

  open(): void {
    this.#closedFor = undefined;
  }
}
