/** The faults of one world: planned at its start from the seed, over when it heals. */
import type { Cast } from './cast.ts';
import type { Scenario } from './scenarios.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { SimNode } from './sim-node.ts';
import type { SimWorld } from './sim-world.ts';

/** Virtual time from the first submission until faults end: longer than a quiet job takes. */
export const FAULTY_MS = 8_000;
/** Down at least and at most, unless the world heals first. */
const DOWN_MS_MIN = 20;
const DOWN_MS_MAX = 4_000;
const SPLIT_MS_MAX = 3_000;
/** Between two departures at least: longer than a silent member is waited for, and replaced. */
const DEPARTURE_MS = 45_000;

const isOnlyMember = ({ init }: SimNode): boolean => init.roles.join() === 'cadre';

export class Weather {
  readonly #world: SimWorld;
  readonly #cast: Cast;
  readonly #scenario: Scenario;
  readonly #random: SeededRandom;
  #isOver = false;

  constructor(world: SimWorld, init: { readonly cast: Cast; readonly scenario: Scenario }) {
    this.#world = world;
    this.#cast = init.cast;
    this.#scenario = init.scenario;
    this.#random = world.random.fork();
  }

  /** Faults begin; `heal` is planned. */
  begin(): void {
    const { hub } = this.#world;
    const { links, requesterLoss, partitionsMax, crashesMax } = this.#scenario;
    const { blackoutsMax, departuresMax } = this.#scenario;
    hub.faults = links;
    hub.lossy.set(this.#cast.client.peerId, requesterLoss);
    this.#some(partitionsMax, () => this.#split());
    this.#some(crashesMax, () => this.#cut(this.#random.pick(this.#cast.nodes)));
    this.#some(blackoutsMax, () => {
      for (const node of this.#cast.nodes) this.#cut(node);
    });
    this.#after(FAULTY_MS, () => this.heal());
    this.#departLater(this.#random.integer(departuresMax + 1));
  }

  /** The next goes only when the seat of the one before has long been somebody else's. */
  #departLater(count: number): void {
    if (count === 0) return;
    const delayMs = this.#random.between(FAULTY_MS, FAULTY_MS + DEPARTURE_MS);
    this.#world.clock.setTimer(delayMs + DEPARTURE_MS, () => {
      const members = this.#cast.nodes.filter((node) => node.isUp && isOnlyMember(node));
      const node = this.#random.pick(members);
      this.#world.note(`depart ${node.index}`);
      node.crash();
      this.#departLater(count - 1);
    });
  }

  /** No more faults, every machine up. Idempotent. */
  heal(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { hub } = this.#world;
    hub.unblockAll();
    hub.lossy.clear();
    hub.faults = { ...hub.faults, loss: 0, duplication: 0, reorder: 0 };
    this.#world.note('heal');
    for (const node of this.#cast.nodes) this.#restart(node);
  }

  /** Up to `max` events, most of them soon. */
  #some(max: number, happen: () => void): void {
    const count = this.#random.integer(max + 1);
    for (let i = 0; i < count; i++) {
      this.#after(this.#random.next() * this.#random.next() * FAULTY_MS, happen);
    }
  }

  #split(): void {
    const { hub } = this.#world;
    const sides = new Map(this.#world.nodes.map((node) => [node, this.#random.integer(2)]));
    const isOneWay = this.#random.chance(0.4);
    for (const [from, side] of sides) {
      for (const [to, other] of sides) {
        if (side === other || (isOneWay && side === 0)) continue;
        hub.block(from.peerId, to.peerId);
      }
    }
    this.#world.note(`split ${[...sides.values()].join('')} ${isOneWay}`);
    this.#after(this.#random.next() * SPLIT_MS_MAX, () => hub.unblockAll());
  }

  #cut(node: SimNode): void {
    if (!node.isUp) return;
    this.#world.note(`crash ${node.index}`);
    node.crash();
    this.#after(this.#random.between(DOWN_MS_MIN, DOWN_MS_MAX), () => this.#restart(node));
  }

  #restart(node: SimNode): void {
    if (node.isUp) return;
    this.#world.note(`start ${node.index}`);
    void node.start();
  }

  #after(delayMs: number, happen: () => void): void {
    this.#world.clock.setTimer(delayMs, () => {
      if (!this.#isOver) happen();
    });
  }
}
