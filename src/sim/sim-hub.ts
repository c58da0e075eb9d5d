/**
 * The network between simulated machines: who is up, which links work in which direction, and what
 * becomes of each packet. `SimNetwork` is one machine's end of it.
 */
import { KadreError } from '../base/errors.ts';
import type { PeerId } from '../base/ids.ts';
import type { Clock, ProtocolName } from '../base/ports.ts';
import { generateSigner } from '../crypto/node/keys.ts';
import { type LinkFaults, PERFECT_LINKS } from './link-faults.ts';
import { SeededRandom } from './seeded-random.ts';
import { SimNetwork } from './sim-network.ts';

export interface Packet {
  readonly from: PeerId;
  readonly to: PeerId;
  readonly protocol: ProtocolName;
  readonly kind: 'request' | 'answer' | 'message' | 'piece';
  readonly bytes: Uint8Array;
}

/** Who looks on: the trace and the invariants. */
export interface PacketObserver {
  sent?(packet: Packet): void;
  arrived?(packet: Packet): void;
}

/** Real time, for tests that have no clock of their own. */
const REAL_TIME: Pick<Clock, 'setTimer' | 'monotonicMs'> = {
  monotonicMs: () => performance.now(),
  setTimer: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

interface LinkQueue {
  lastMs: number;
  readonly waiting: (() => void)[];
}

/** A connection over which nothing comes is given up after this. */
const KEEP_ALIVE_MS = 8_000;

export interface SimHubComponents {
  readonly clock?: Pick<Clock, 'setTimer' | 'monotonicMs'>;
  readonly random?: SeededRandom;
  readonly observer?: PacketObserver;
}

export class SimHub {
  readonly peers = new Map<PeerId, SimNetwork>();
  readonly clock: Pick<Clock, 'setTimer' | 'monotonicMs'>;
  /** May be changed while the world runs. */
  faults: LinkFaults;
  /** Further loss on every link of these peers. */
  readonly lossy = new Map<PeerId, number>();
  readonly #random: SeededRandom;
  readonly #observer: PacketObserver;
  /** Pairs that cannot connect: both ends know at once. */
  readonly #cut = new Set<string>();
  /** Directed links that swallow everything: nobody is told. */
  readonly #blocked = new Set<string>();
  /** By directed link: packets that keep their order, and when the last of them arrives. */
  readonly #queues = new Map<string, LinkQueue>();

  constructor(components: SimHubComponents = {}, faults: LinkFaults = PERFECT_LINKS) {
    this.clock = components.clock ?? REAL_TIME;
    this.#random = components.random ?? new SeededRandom(1);
    this.#observer = components.observer ?? {};
    this.faults = faults;
  }

  join(peer: PeerId = generateSigner().peerId): SimNetwork {
    const network = new SimNetwork(this, peer);
    this.peers.set(peer, network);
    return network;
  }

  /** Neither can reach the other any more, and both know. */
  cut(a: PeerId, b: PeerId): void {
    this.#cut.add(pairOf(a, b));
    this.#disconnect(a, b);
  }

  heal(a: PeerId, b: PeerId): void {
    this.#cut.delete(pairOf(a, b));
  }

  /** Nothing gets from one to the other any more; the connection is given up after a while. */
  block(from: PeerId, to: PeerId): void {
    const link = linkOf(from, to);
    this.#blocked.add(link);
    this.clock.setTimer(KEEP_ALIVE_MS, () => {
      if (this.#blocked.has(link)) this.#disconnect(from, to);
    });
  }

  unblockAll(): void {
    this.#blocked.clear();
  }

  /** The other end of a link; throws PEER_UNREACHABLE where no connection can be. */
  reach(from: SimNetwork, to: PeerId): SimNetwork {
    const other = this.peers.get(to);
    const isOpen = this.isUp(from) && !this.#cut.has(pairOf(from.self, to));
    if (other !== undefined && isOpen && !from.denies(to) && !other.denies(from.self)) return other;
    throw new KadreError({ code: 'PEER_UNREACHABLE', peer: to }, `${to} is unreachable`);
  }

  /** False for a machine that crashed, even when another of its name runs. */
  isUp(network: SimNetwork): boolean {
    return this.peers.get(network.self) === network;
  }

  /** Carries one packet; `arrive` is called never, once or twice. False: it was lost at once. */
  carry(to: SimNetwork, packet: Packet, arrive: () => void): boolean {
    this.#observer.sent?.(packet);
    if (this.#isLost(packet)) return false;
    const copies = this.#random.chance(this.faults.duplication) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      this.#later(packet, () => {
        if (!this.isUp(to) || this.#blocked.has(linkOf(packet.from, packet.to))) return;
        this.#observer.arrived?.(packet);
        arrive();
      });
    }
    return true;
  }

  #isLost({ from, to }: Packet): boolean {
    if (this.#blocked.has(linkOf(from, to))) return true;
    const own = Math.max(this.lossy.get(from) ?? 0, this.lossy.get(to) ?? 0);
    return this.#random.chance(Math.max(own, this.faults.loss));
  }

  /** Without delay in the same turn, so that a test without a virtual clock needs none. */
  #later(packet: Packet, run: () => void): void {
    const { delayMsMin, delayMsMax, reorder } = this.faults;
    if (delayMsMax === 0) {
      queueMicrotask(run);
      return;
    }
    const delayMs = this.#random.between(delayMsMin, delayMsMax);
    if (this.#random.chance(reorder)) this.clock.setTimer(delayMs, run);
    else this.#inOrder(this.#queueOf(packet), delayMs, run);
  }

  /** Whichever timer fires, the packet that was sent first arrives. */
  #inOrder(queue: LinkQueue, delayMs: number, run: () => void): void {
    const nowMs = this.clock.monotonicMs();
    queue.lastMs = Math.max(queue.lastMs, nowMs + delayMs);
    queue.waiting.push(run);
    this.clock.setTimer(queue.lastMs - nowMs, () => queue.waiting.shift()!());
  }

  #queueOf({ from, to }: Packet): LinkQueue {
    const link = linkOf(from, to);
    let queue = this.#queues.get(link);
    if (queue === undefined) {
      queue = { lastMs: 0, waiting: [] };
      this.#queues.set(link, queue);
    }
    return queue;
  }

  #disconnect(a: PeerId, b: PeerId): void {
    this.peers.get(a)?.lost(b);
    this.peers.get(b)?.lost(a);
  }
}

function pairOf(a: PeerId, b: PeerId): string {
  return [a, b].sort().join();
}

function linkOf(from: PeerId, to: PeerId): string {
  return `${from}>${to}`;
}
