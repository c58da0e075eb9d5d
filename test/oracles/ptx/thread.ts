/** Registers of one thread, and how operands of instructions reach them. */
import type { Entry } from './parse.ts';

export interface Thread {
  readonly words: Uint32Array;
  readonly signed: Int32Array;
  readonly floats: Float32Array;
  readonly longs: BigUint64Array;
  readonly doubles: Float64Array;
  readonly halves: Uint16Array;
  readonly predicates: Uint8Array;
  readonly index: number;
  readonly block: number;
}

export type Step = (thread: Thread) => void;

/** Where each prefix's registers begin in the array of their width. */
export class Layout {
  readonly #first = new Map<string, number>();
  readonly #bits = new Map<string, number>();
  readonly #totals = new Map([
    [1, 0],
    [16, 0],
    [32, 0],
    [64, 0],
  ]);
  /** Addresses of shared variables. */
  readonly #symbols = new Map<string, number>();
  readonly sharedBytes: number;

  constructor(entry: Entry) {
    for (const [prefix, { bits, count }] of entry.registers) {
      const first = this.#totals.get(bits)!;
      this.#first.set(prefix, first);
      this.#bits.set(prefix, bits);
      this.#totals.set(bits, first + count);
    }
    let bytes = 0;
    for (const variable of entry.shared) {
      this.#symbols.set(variable.name, bytes);
      bytes += Math.ceil(variable.bytes / 16) * 16;
    }
    this.sharedBytes = bytes;
  }

  /** Registers start as garbage: whoever reads one that nobody wrote shows it. */
  thread(index: number, block: number): Thread {
    const words = new Uint32Array(this.#totals.get(32)!).fill(0xffff_a5a5);
    const longs = new BigUint64Array(this.#totals.get(64)!).fill(0xa5a5_a5a5_a5a5_a5a5n);
    return {
      words,
      signed: new Int32Array(words.buffer),
      floats: new Float32Array(words.buffer),
      longs,
      doubles: new Float64Array(longs.buffer),
      halves: new Uint16Array(this.#totals.get(16)!).fill(0xa5a5),
      predicates: new Uint8Array(this.#totals.get(1)!),
      index,
      block,
    };
  }

  /** Position of a register that must have this width. */
  register(operand: string, bits: number): number {
    const [, prefix, number] = /^(%[a-z]+)(\d+)$/.exec(operand) ?? [];
    if (prefix === undefined || this.#bits.get(prefix) !== bits) {
      throw new Error(`ptx: ${operand} is no register of ${bits} bits`);
    }
    return this.#first.get(prefix)! + Number(number);
  }

  isRegister(operand: string): boolean {
    return /^%[a-z]+\d+$/.test(operand);
  }

  /** An integer that is written out, or the address of a shared variable. */
  constant(operand: string): bigint {
    const address = this.#symbols.get(operand);
    if (address !== undefined) return BigInt(address);
    if (/^-?(?:\d+|0x[0-9a-fA-F]+)$/.test(operand)) return BigInt(operand);
    // 0f3F800000: the bits of a binary32; 0d and sixteen digits: of a binary64.
    if (/^0(?:f[0-9a-fA-F]{8}|d[0-9a-fA-F]{16})$/.test(operand))
      return BigInt(`0x${operand.slice(2)}`);
    throw new Error(`ptx: unknown operand ${operand}`);
  }
}
