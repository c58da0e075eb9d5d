/**
 * What came for a member that has not started yet: a quick worker or another member is ahead of the
 * requester's `open`. Kept in order and judged when the plan is, or dropped at the bound.
 */
import type { CadreMember } from './cadre-member.ts';

const EARLY_MAX = 1_024;
const EARLY_BYTES_MAX = 32 * 1_048_576;

export class EarlyMessages {
  readonly #deliveries: ((member: CadreMember) => void)[] = [];
  #bytes = 0;

  keep(body: Uint8Array, deliver: (member: CadreMember) => void): void {
    if (this.#deliveries.length >= EARLY_MAX) return;
    if (this.#bytes + body.length > EARLY_BYTES_MAX) return;
    this.#bytes += body.length;
    this.#deliveries.push(deliver);
  }

  deliverTo(member: CadreMember): void {
    for (const deliver of this.#deliveries) deliver(member);
  }
}
