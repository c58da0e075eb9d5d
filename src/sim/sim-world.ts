/**
 * A world: machines, the network between them, one clock, one source of chance. The same seed and
 * the same calls give the same trace.
 */
import type { PeerId } from '../base/ids.ts';
import type { LogLevel } from '../base/ports.ts';
import { type LinkFaults, PERFECT_LINKS } from './link-faults.ts';
import { SeededRandom } from './seeded-random.ts';
import { SimDirectory } from './sim-directory.ts';
import { type Packet, SimHub } from './sim-hub.ts';
import { type Signing, SimKeys } from './sim-keys.ts';
import { SimNode, type SimNodeInit } from './sim-node.ts';
import { Trace } from './trace.ts';
import { VirtualClock } from './virtual-clock.ts';

export interface LogLine {
  readonly level: LogLevel;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Who looks on without taking part. */
export interface WorldObserver {
  /** A plan key signed something. */
  signed?(node: SimNode, signing: Signing): void;
  logged?(node: SimNode, line: LogLine): void;
  sent?(from: SimNode, packet: Packet): void;
}

export interface SimWorldInit {
  readonly seed: number;
  readonly networkId?: string;
  readonly faults?: LinkFaults;
}

export class SimWorld {
  readonly clock = new VirtualClock();
  readonly trace = new Trace();
  readonly keys = new SimKeys();
  readonly directory = new SimDirectory();
  readonly random: SeededRandom;
  readonly hub: SimHub;
  readonly networkId: string;
  readonly nodes: SimNode[] = [];
  readonly #byPeer = new Map<PeerId, SimNode>();
  readonly #observers: WorldObserver[] = [];

  constructor({ seed, networkId = 'sim', faults = PERFECT_LINKS }: SimWorldInit) {
    this.random = new SeededRandom(seed);
    this.networkId = networkId;
    const observer = {
      sent: (packet: Packet) => this.#sent(packet),
      arrived: (packet: Packet) => this.#arrived(packet),
    };
    const components = { clock: this.clock, random: this.random.fork(), observer };
    this.hub = new SimHub(components, faults);
  }

  /** A machine that is not started yet; the same number is the same identity. */
  add(init: SimNodeInit, index = this.nodes.length): SimNode {
    const node = new SimNode(this, index, init);
    this.nodes.push(node);
    this.#byPeer.set(node.peerId, node);
    return node;
  }

  nodeOf(peer: PeerId): SimNode | undefined {
    return this.#byPeer.get(peer);
  }

  observe(observer: WorldObserver): void {
    this.#observers.push(observer);
  }

  /** What nodes report to. */
  readonly observers: Required<Pick<WorldObserver, 'signed' | 'logged'>> = {
    signed: (node, signing) => {
      for (const observer of this.#observers) observer.signed?.(node, signing);
    },
    logged: (node, line) => {
      for (const observer of this.#observers) observer.logged?.(node, line);
    },
  };

  /** Writes an event of the world itself into the trace. */
  note(what: string): void {
    this.trace.add(this.clock.monotonicMs(), what);
  }

  #sent(packet: Packet): void {
    const from = this.#byPeer.get(packet.from);
    if (from === undefined) return;
    for (const observer of this.#observers) observer.sent?.(from, packet);
  }

  #arrived({ from, to, protocol, kind, bytes }: Packet): void {
    const ends = `${this.#byPeer.get(from)?.index}>${this.#byPeer.get(to)?.index}`;
    this.trace.add(this.clock.monotonicMs(), `${ends} ${protocol} ${kind}`, bytes);
  }
}
