/**
 * How much misbehaviour a peer has shown: a score that halves every minute. Enough of it, or one
 * proven hostility, and the peer is denied for a while (docs/protocol/transport.md, "Standing").
 */
import type { PeerId } from '../base/ids.ts';
import type { Clock } from '../base/ports.ts';
import type { Penalty } from '../base/verdict.ts';

export interface PeerStandingInit {
  /** Peers remembered at most; the one penalised longest ago is forgotten first. */
  readonly peersMax?: number;
  readonly denyMs?: number;
}

interface Standing {
  score: number;
  atMs: number;
  deniedUntilMs: number;
  /** Of the last penalty. */
  reason: string;
}

/** A peer with which this node has no dealings for a while. */
export interface DeniedPeer {
  readonly peer: PeerId;
  /** The penalty that was one too many. */
  readonly reason: string;
  /** Ms until it is let in again. */
  readonly endsInMs: number;
}

const HALF_LIFE_MS = 60_000;
const REJECT_SCORE = 10;
export const DENY_SCORE = 100;
const PEERS_MAX = 4096;
const DENY_MS = 600_000;

export class PeerStanding {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #peersMax: number;
  readonly #denyMs: number;
  readonly #peers = new Map<PeerId, Standing>();
  readonly #booked: Record<Penalty, number> = { ignore: 0, reject: 0, ban: 0 };

  constructor(components: { clock: Pick<Clock, 'monotonicMs'> }, init: PeerStandingInit = {}) {
    this.#clock = components.clock;
    this.#peersMax = init.peersMax ?? PEERS_MAX;
    this.#denyMs = init.denyMs ?? DENY_MS;
  }

  /** Books a penalty; true when the peer is denied from now on. */
  book(peer: PeerId, penalty: Penalty, reason: string): boolean {
    this.#booked[penalty] += 1;
    if (penalty === 'ignore') return this.isDenied(peer);
    const nowMs = this.#clock.monotonicMs();
    const standing = this.#peers.get(peer) ?? {
      score: 0,
      atMs: nowMs,
      deniedUntilMs: -Infinity,
      reason,
    };
    const decay = 0.5 ** ((nowMs - standing.atMs) / HALF_LIFE_MS);
    standing.score = standing.score * decay + (penalty === 'ban' ? DENY_SCORE : REJECT_SCORE);
    standing.atMs = nowMs;
    standing.reason = reason;
    if (standing.score >= DENY_SCORE) standing.deniedUntilMs = nowMs + this.#denyMs;
    // Re-inserting moves it to the young end of the map's order.
    this.#peers.delete(peer);
    if (this.#peers.size >= this.#peersMax) this.#peers.delete(this.#peers.keys().next().value!);
    this.#peers.set(peer, standing);
    return this.isDenied(peer);
  }

  /** Penalties booked since the start. */
  get booked(): Readonly<Record<Penalty, number>> {
    return this.#booked;
  }

  /** Those denied now, the one penalised longest ago first. */
  denied(): DeniedPeer[] {
    const nowMs = this.#clock.monotonicMs();
    return Array.from(this.#peers, ([peer, { reason, deniedUntilMs }]) => {
      return { peer, reason, endsInMs: Math.ceil(deniedUntilMs - nowMs) };
    }).filter(({ endsInMs }) => endsInMs > 0);
  }

  isDenied(peer: PeerId): boolean {
    return this.reasonOf(peer) !== undefined;
  }

  /** Why a peer is denied now; undefined when it is not. */
  reasonOf(peer: PeerId): string | undefined {
    const standing = this.#peers.get(peer);
    if (standing === undefined) return undefined;
    return standing.deniedUntilMs > this.#clock.monotonicMs() ? standing.reason : undefined;
  }
}
