/**
 * How much of something each peer may use per minute: a bucket that refills steadily
 * (docs/protocol/transport.md, "Budgets"). Local and bounded: a peer forgotten starts with a full
 * bucket, which is why the full ones are forgotten first.
 */
import type { PeerId } from '../base/ids.ts';
import type { Clock } from '../base/ports.ts';

export interface PeerBudgetsInit {
  /** What a bucket holds, and what flows into it per minute. */
  readonly perMinute: number;
  /** Peers remembered at most; default 4096. */
  readonly peersMax?: number;
}

interface Bucket {
  left: number;
  atMs: number;
}

const PEERS_MAX = 4096;
const MINUTE_MS = 60_000;

export class PeerBudgets {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #perMinute: number;
  readonly #peersMax: number;
  readonly #buckets = new Map<PeerId, Bucket>();

  constructor(components: { clock: Pick<Clock, 'monotonicMs'> }, init: PeerBudgetsInit) {
    this.#clock = components.clock;
    this.#perMinute = init.perMinute;
    this.#peersMax = init.peersMax ?? PEERS_MAX;
  }

  /** Takes `amount` out of the peer's bucket; false, and nothing taken, when it holds less. */
  take(peer: PeerId, amount: number): boolean {
    const nowMs = this.#clock.monotonicMs();
    const bucket = this.#buckets.get(peer) ?? { left: this.#perMinute, atMs: nowMs };
    bucket.left = this.#leftAt(bucket, nowMs);
    bucket.atMs = nowMs;
    const isEnough = bucket.left >= amount;
    if (isEnough) bucket.left -= amount;
    this.#remember(peer, bucket, nowMs);
    return isEnough;
  }

  get size(): number {
    return this.#buckets.size;
  }

  #leftAt({ left, atMs }: Bucket, nowMs: number): number {
    return Math.min(this.#perMinute, left + ((nowMs - atMs) / MINUTE_MS) * this.#perMinute);
  }

  /** The used ones stay: all that are full again go first, then the one used longest ago. */
  #remember(peer: PeerId, bucket: Bucket, nowMs: number): void {
    this.#buckets.delete(peer);
    if (this.#buckets.size >= this.#peersMax) {
      for (const [other, held] of this.#buckets) {
        if (this.#leftAt(held, nowMs) >= this.#perMinute) this.#buckets.delete(other);
      }
    }
    if (this.#buckets.size >= this.#peersMax) {
      this.#buckets.delete(this.#buckets.keys().next().value!);
    }
    this.#buckets.set(peer, bucket);
  }
}
