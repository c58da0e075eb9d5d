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

  constructor(components: { clock: Pick<Clock, 'monotonicMs'> }, init: PeerStandingInit = {}) {
    this.#clock = components.clock;
    this.#peersMax = init.peersMax ?? PEERS_MAX;
    this.#denyMs = init.denyMs ?? DENY_MS;
  }

  /** Books a penalty; true when the peer is denied from now on. */
  book(peer: PeerId, penalty: Penalty): boolean {
    if (penalty === 'ignore') return this.isDenied(peer);
    const nowMs = this.#clock.monotonicMs();
    const standing = this.#peers.get(peer) ?? { score: 0, atMs: nowMs, deniedUntilMs: -Infinity };
    const decay = 0.5 ** ((nowMs - standing.atMs) / HALF_LIFE_MS);
    standing.score = standing.score * decay + (penalty === 'ban' ? DENY_SCORE : REJECT_SCORE);
    standing.atMs = nowMs;
    if (standing.score >= DENY_SCORE) standing.deniedUntilMs = nowMs + this.#denyMs;
    // Re-inserting moves it to the young end of the map's order.
    this.#peers.delete(peer);
    if (this.#peers.size >= this.#peersMax) this.#peers.delete(this.#peers.keys().next().value!);
    this.#peers.set(peer, standing);
    return this.isDenied(peer);
  }

  isDenied(peer: PeerId): boolean {
    const standing = this.#peers.get(peer);
    return standing !== undefined && standing.deniedUntilMs > this.#clock.monotonicMs();
  }
}
