/**
 * Runs a grid of PTX threads: blocks one after the other, threads in random order between barriers.
 * What real hardware does at once happens here in some order, so code that depends on one fails.
 */
import { xorshift32 } from '../../../src/compute/sample-input.ts';
import type { Space } from './memory.ts';
import { arithmetic, operandReader } from './operations.ts';
import type { Entry, Instruction } from './parse.ts';
import { Layout, type Step, type Thread } from './thread.ts';

export interface Launch {
  readonly blocks: number;
  readonly threads: number;
  /** In the entry's order: addresses as bigint, integers and binary64 as number. */
  readonly arguments: readonly (bigint | number)[];
  readonly space: Space;
  /** Of the order of threads and blocks; not 0. */
  readonly seed: number;
}

const GO_ON = 0;
const JUMP = 1;
const BARRIER = 2;
const END = 3;

interface Operation {
  readonly kind: number;
  readonly guard: ((thread: Thread) => boolean) | undefined;
  readonly step: Step;
  readonly target: number;
}

interface Running {
  readonly thread: Thread;
  /** Index of the next operation; past the end when done. */
  at: number;
}

export function runGrid(entry: Entry, launch: Launch): void {
  const machine = new Machine(entry, launch);
  for (const block of machine.shuffled(launch.blocks)) machine.runBlock(block);
}

class Machine {
  readonly #entry: Entry;
  readonly #launch: Launch;
  readonly #layout: Layout;
  readonly #operations: readonly Operation[];
  readonly #shared: Uint32Array;
  #chance: number;

  constructor(entry: Entry, launch: Launch) {
    this.#entry = entry;
    this.#launch = launch;
    this.#chance = launch.seed;
    this.#layout = new Layout(entry);
    this.#shared = new Uint32Array(this.#layout.sharedBytes / 4);
    this.#operations = entry.body.map((instruction) => this.#operation(instruction));
  }

  shuffled(count: number): number[] {
    const order = Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i--) {
      this.#chance = xorshift32(this.#chance);
      const other = this.#chance % (i + 1);
      [order[i], order[other]] = [order[other]!, order[i]!];
    }
    return order;
  }

  runBlock(block: number): void {
    this.#shared.fill(0xffff_ffff);
    const end = this.#operations.length;
    const running: Running[] = Array.from({ length: this.#launch.threads }, (_, index) => ({
      thread: this.#layout.thread(index, block),
      at: 0,
    }));
    while (running.some(({ at }) => at < end)) {
      for (const index of this.shuffled(running.length)) this.#runToBarrier(running[index]!);
      const places = new Set(running.map(({ at }) => at));
      if (places.size > 1) throw new Error('ptx: threads of a block are at different barriers');
    }
  }

  #runToBarrier(running: Running): void {
    const { thread } = running;
    const operations = this.#operations;
    let { at } = running;
    while (at < operations.length) {
      const { kind, guard, step, target } = operations[at]!;
      at += 1;
      if (guard !== undefined && !guard(thread)) continue;
      if (kind === GO_ON) step(thread);
      else if (kind === JUMP) at = target;
      else if (kind === END) at = operations.length;
      else break;
    }
    running.at = at;
  }

  #operation(instruction: Instruction): Operation {
    const { guard, name, modifiers, operands, text } = instruction;
    const key = [name, ...modifiers].join('.');
    const nothing: Step = () => undefined;
    const base = { guard: guard && this.#guard(guard), step: nothing, target: 0 };
    if (key === 'bra' || key === 'bra.uni') {
      const target = this.#entry.labels.get(operands[0] ?? '');
      if (target === undefined) throw new Error(`ptx: no such label: ${text}`);
      return { ...base, kind: JUMP, target };
    }
    if (key === 'ret') return { ...base, kind: END };
    if (key === 'bar.sync' && operands[0] === '0') return { ...base, kind: BARRIER };
    const isAccess = name === 'ld' || name === 'st';
    const step = isAccess ? this.#access(instruction) : arithmetic(this.#layout, instruction);
    return { ...base, kind: GO_ON, step };
  }

  #guard({ register, negated }: { register: string; negated: boolean }) {
    const at = this.#layout.register(register, 1);
    const wanted = negated ? 0 : 1;
    return (thread: Thread) => thread.predicates[at] === wanted;
  }

  /** `ld` and `st` of binary32, one or four, of one integer, and of parameters. */
  #access({ name, modifiers, operands, text }: Instruction): Step {
    const key = modifiers.join('.');
    const [place, value] =
      name === 'ld' ? [operands[1]!, operands[0]!] : [operands[0]!, operands[1]!];
    const parts = /^\[([\w%.$]+)(?:\+(-?\d+))?\]$/.exec(place);
    if (parts === null) throw new Error(`ptx: not understood: ${text}`);
    if (name === 'ld' && /^param\.(?:u32|u64|f64)$/.test(key)) {
      return this.#parameter(value, parts[1]!);
    }
    const [, space, vector] = /^(global|shared)(?:\.nc)?(\.v4(?=\.f32))?\.[fu]32$/.exec(key) ?? [];
    if (space === undefined) throw new Error(`ptx: not understood: ${text}`);
    const registers = value
      .replaceAll(/[{}\s]/g, '')
      .split(',')
      .map((register) => this.#layout.register(register, 32));
    if (registers.length !== (vector === undefined ? 1 : 4)) throw new Error(`ptx: ${text}`);
    const words = this.#words(space, parts, registers.length);
    if (name === 'ld') {
      return (thread) => {
        const from = words(thread);
        for (let i = 0; i < registers.length; i++) thread.words[registers[i]!] = from[i]!;
      };
    }
    return (thread) => {
      const to = words(thread);
      for (let i = 0; i < registers.length; i++) to[i] = thread.words[registers[i]!]!;
    };
  }

  #words(space: string, [, base, offset = '0']: RegExpExecArray, count: number) {
    const type = space === 'shared' && this.#isWord(base!) ? 'u32' : 'u64';
    const address = operandReader(this.#layout, base!, type);
    const distance = BigInt(offset);
    if (space === 'global') {
      return (thread: Thread) => this.#launch.space.words(address(thread) + distance, count);
    }
    return (thread: Thread) => {
      const at = Number(address(thread) + distance);
      const isWrong = at % (4 * count) !== 0 || at < 0 || at / 4 + count > this.#shared.length;
      if (isWrong) throw new Error(`ptx: ${count} words of shared memory at ${at}`);
      return this.#shared.subarray(at / 4, at / 4 + count);
    };
  }

  #isWord(register: string): boolean {
    return this.#entry.registers.get(/^%[a-z]+/.exec(register)?.[0] ?? '')?.bits === 32;
  }

  #parameter(register: string, name: string): Step {
    const index = this.#entry.parameters.findIndex((parameter) => parameter.name === name);
    const value = this.#launch.arguments[index];
    if (value === undefined) throw new Error(`ptx: no argument for ${name}`);
    // A register may be wider than what is loaded into it, which then fills up with zeros.
    if (this.#isWord(register)) {
      const at = this.#layout.register(register, 32);
      return (thread) => {
        thread.words[at] = Number(value);
      };
    }
    const at = this.#layout.register(register, 64);
    if (this.#entry.parameters[index]!.type === 'f64') {
      return (thread) => {
        thread.doubles[at] = Number(value);
      };
    }
    return (thread) => {
      thread.longs[at] = BigInt(value);
    };
  }
}
