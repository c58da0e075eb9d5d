/** The faults of one cadre's world: planned at its start from the seed, over at GST. */
import type { SeededRandom } from '../seeded-random.ts';
import type { CadreScenario } from './cadre-scenarios.ts';
import type { CadreWorld } from './cadre-world.ts';
import { LOG, type SeatMachine } from './seat-machine.ts';

/** Virtual time until GST: several timeouts of a cadre that gets nowhere. */
export const HOSTILE_MS = 4_000;
const DOWN_MS_MAX = 1_500;
const PAUSE_MS_MAX = 1_500;
const SPLIT_MS_MAX = 1_500;
const FLIP_CHANCE = 0.7;
const SYNC_FAILURE_CHANCE = 0.5;

export class CadreWeather {
  readonly #world: CadreWorld;
  readonly #scenario: CadreScenario;
  readonly #random: SeededRandom;
  #isOver = false;

  constructor(world: CadreWorld, scenario: CadreScenario) {
    this.#world = world;
    this.#scenario = scenario;
    this.#random = world.random.fork();
  }

  begin(): void {
    const { hub, machines } = this.#world;
    const { crashesMax, pausesMax, splitsMax, blackoutChance, lossMax } = this.#scenario;
    const random = this.#random;
    hub.faults = { ...hub.faults, loss: random.next() * lossMax };
    this.#some(crashesMax, () => this.#cut(random.pick(machines)));
    this.#some(pausesMax, () => this.#pause(random.pick(machines)));
    this.#some(splitsMax, () => this.#split());
    if (random.chance(blackoutChance)) {
      this.#some(1, () => {
        for (const machine of machines) this.#cut(machine);
      });
    }
    if (crashesMax > 0 && random.chance(SYNC_FAILURE_CHANCE)) {
      this.#some(1, () => this.#failSync(random.pick(machines)));
    }
    for (const machine of machines) {
      const fault = this.#world.faultOf(machine);
      if (fault === 'bad-disk' || fault === 'amnesiac') this.#some(2, () => this.#cut(machine));
    }
  }

  /** GST: links deliver, every machine is up and runs. */
  heal(): void {
    this.#isOver = true;
    const { hub, machines, rounds } = this.#world;
    rounds.open();
    hub.unblockAll();
    hub.faults = { ...hub.faults, loss: 0 };
    this.#world.note('heal');
    for (const machine of machines) {
      machine.resume();
      machine.start();
    }
  }

  /** Up to `max` events at any moments before GST. */
  #some(max: number, happen: () => void): void {
    const count = max === 0 ? 0 : this.#random.integer(max + 1);
    for (let i = 0; i < count; i++) {
      this.#after(this.#random.next() * this.#random.next() * HOSTILE_MS, happen);
    }
  }

  #cut(machine: SeatMachine): void {
    if (!machine.isUp) return;
    this.#world.note(`crash ${machine.index}`);
    machine.crash();
    const isBad = this.#world.faultOf(machine) === 'bad-disk';
    if (isBad && this.#random.chance(FLIP_CHANCE)) machine.disk.flipBit(LOG);
    this.#after(this.#random.next() * DOWN_MS_MAX, () => machine.start());
  }

  #failSync(machine: SeatMachine): void {
    this.#world.note(`sync fails ${machine.index}`);
    machine.failNextSync();
  }

  #pause(machine: SeatMachine): void {
    this.#world.note(`pause ${machine.index}`);
    machine.pause();
    this.#after(this.#random.next() * PAUSE_MS_MAX, () => machine.resume());
  }

  /** Two sides, blocked in one or both directions; rolling: the next split begins when it ends. */
  #split(): void {
    const { hub, machines } = this.#world;
    const sides = machines.map(() => this.#random.integer(2));
    const isOneWay = this.#random.chance(0.4);
    for (const from of machines) {
      for (const to of machines) {
        const crosses = sides[from.index] !== sides[to.index];
        if (crosses && !(isOneWay && sides[from.index] === 0)) hub.block(from.peerId, to.peerId);
      }
    }
    this.#world.note(`split ${sides.join('')} ${isOneWay}`);
    const isRolling = this.#random.chance(0.3);
    this.#after(this.#random.next() * SPLIT_MS_MAX, () => {
      hub.unblockAll();
      if (isRolling) this.#split();
    });
  }

  #after(delayMs: number, happen: () => void): void {
    this.#world.clock.setTimer(delayMs, () => {
      if (!this.#isOver) happen();
    });
  }
}
