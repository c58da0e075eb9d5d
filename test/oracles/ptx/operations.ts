/**
 * What each instruction does (PTX ISA, section 9), for those that our kernels consist of. One that
 * is not here, or has another modifier, is an error.
 */
import { fma } from '../../../src/compute/reference/fma.ts';
import type { Instruction } from './parse.ts';
import type { Layout, Step, Thread } from './thread.ts';

type Read<T> = (thread: Thread) => T;
type Integer = 's32' | 'u32' | 'b32' | 's64' | 'u64' | 'b64' | 'u16' | 's16' | 'b16';

const BITS: Readonly<Record<string, number>> = {
  ...{ pred: 1, u16: 16, s16: 16, b16: 16 },
  ...{ s32: 32, u32: 32, b32: 32, f32: 32 },
  ...{ s64: 64, u64: 64, b64: 64, f64: 64 },
};
const SPECIAL: Readonly<Record<string, Read<number>>> = {
  '%tid.x': (thread) => thread.index,
  '%ctaid.x': (thread) => thread.block,
};

/** Values as integers of any size: signed for `s` types, else not. */
function reader(layout: Layout, operand: string, type: string): Read<bigint> {
  const special = SPECIAL[operand];
  if (special !== undefined) return (thread) => BigInt(special(thread));
  const bits = BITS[type]!;
  const fit = type.startsWith('s') ? BigInt.asIntN : BigInt.asUintN;
  if (!layout.isRegister(operand)) {
    const value = fit(bits, layout.constant(operand));
    return () => value;
  }
  const at = layout.register(operand, bits);
  if (bits === 64) return (thread) => fit(64, thread.longs[at]!);
  if (bits === 16) return (thread) => fit(16, BigInt(thread.halves[at]!));
  if (bits === 1) return (thread) => BigInt(thread.predicates[at]!);
  return (thread) => fit(32, BigInt(thread.words[at]!));
}

function writer(layout: Layout, operand: string, bits: number): (t: Thread, value: bigint) => void {
  const at = layout.register(operand, bits);
  if (bits === 64) {
    return (thread, value) => {
      thread.longs[at] = BigInt.asUintN(64, value);
    };
  }
  return (thread, value) => {
    const low = Number(BigInt.asUintN(bits, value));
    if (bits === 32) thread.words[at] = low;
    else if (bits === 16) thread.halves[at] = low;
    else thread.predicates[at] = low;
  };
}

function doubleReader(layout: Layout, operand: string): Read<number> {
  if (layout.isRegister(operand)) {
    const at = layout.register(operand, 64);
    return (thread) => thread.doubles[at]!;
  }
  const value = new Float64Array(BigUint64Array.of(layout.constant(operand)).buffer)[0]!;
  return () => value;
}

function floatReader(layout: Layout, operand: string): Read<number> {
  if (layout.isRegister(operand)) {
    const at = layout.register(operand, 32);
    return (thread) => thread.floats[at]!;
  }
  const words = Uint32Array.of(Number(layout.constant(operand)));
  const value = new Float32Array(words.buffer)[0]!;
  return () => value;
}

const BINARY: Readonly<Record<string, (a: bigint, b: bigint, bits: number) => bigint>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  'mul.lo': (a, b) => a * b,
  'mul.wide': (a, b) => a * b,
  div: (a, b) => a / b,
  rem: (a, b) => a % b,
  min: (a, b) => [a, b][Number(b < a)]!,
  max: (a, b) => [a, b][Number(b > a)]!,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b, bits) => (b >= BigInt(bits) ? 0n : a << b),
  shr: (a, b) => a >> b,
};
const SHIFTS = new Set(['shl', 'shr']);
const UNSIGNED_ONLY = new Set(['div', 'rem']);

const COMPARE: Readonly<Record<string, (a: bigint, b: bigint) => boolean>> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
  gt: (a, b) => a > b,
  ge: (a, b) => a >= b,
};

const ROUNDED: Readonly<Record<string, (a: number, b: number) => number>> = {
  'add.rn.f32': (a, b) => a + b,
  'sub.rn.f32': (a, b) => a - b,
  'mul.rn.f32': (a, b) => a * b,
};

/** JavaScript's own operations. */
const DOUBLE: Readonly<Record<string, (a: number, b: number) => number>> = {
  'add.rn.f64': (a, b) => a + b,
  'sub.rn.f64': (a, b) => a - b,
  'mul.rn.f64': (a, b) => a * b,
  'div.rn.f64': (a, b) => a / b,
};

/** The step of an instruction that is no memory access and no jump. */
export function arithmetic(layout: Layout, instruction: Instruction): Step {
  const { name, modifiers, operands, text } = instruction;
  const key = [name, ...modifiers].join('.');
  const [d = '', ...sources] = operands;
  if (key === 'fma.rn.f32') return fused(layout, d, sources);
  const rounded = ROUNDED[key];
  if (rounded !== undefined) return once(layout, d, sources, rounded);
  if (/^setp\.num\.f32$/.test(key)) return bothNumbers(layout, d, sources);
  const double = DOUBLE[key];
  if (double !== undefined) return onDoubles(layout, d, sources, double);
  if (key === 'setp.gtu.f64') return greaterOrUnordered(layout, d, sources);
  if (key === 'cvt.rn.f64.u32') return doubleOf(layout, d, sources[0]!);
  const type = modifiers.at(-1) ?? '';
  if (BITS[type] === undefined) throw new Error(`ptx: not understood: ${text}`);
  const operation = [name, ...modifiers.slice(0, -1)].join('.');
  const read = (operand: string, as = type) => reader(layout, operand, as);
  const width = BITS[type]!;
  if (operation === 'mov' || operation === 'cvta.to.global') {
    return unary(layout, d, width, read(sources[0]!));
  }
  if (name === 'cvt' && modifiers.length === 2) {
    return unary(layout, d, BITS[modifiers[0]!]!, read(sources[0]!));
  }
  if (operation === 'neg') {
    const value = read(sources[0]!);
    return unary(layout, d, width, (thread) => -value(thread));
  }
  if (operation === 'selp') {
    const [yes, no] = [read(sources[0]!), read(sources[1]!)];
    const choice = read(sources[2]!, 'pred');
    return unary(layout, d, width, (thread) => (choice(thread) === 1n ? yes(thread) : no(thread)));
  }
  if (operation === 'mad.lo') {
    const [a, b, c] = sources.map((source) => read(source));
    return unary(layout, d, width, (thread) => a!(thread) * b!(thread) + c!(thread));
  }
  if (name === 'setp' && modifiers.length === 2) {
    const compare = COMPARE[modifiers[0]!];
    if (compare === undefined || type.startsWith('f'))
      throw new Error(`ptx: not understood: ${text}`);
    const [a, b] = sources.map((source) => read(source));
    return unary(layout, d, 1, (thread) => (compare(a!(thread), b!(thread)) ? 1n : 0n));
  }
  const binary = BINARY[operation];
  const isRefused = type.startsWith('f') || (UNSIGNED_ONLY.has(name) && !type.startsWith('u'));
  if (binary === undefined || isRefused) throw new Error(`ptx: not understood: ${text}`);
  const [a, b] = [read(sources[0]!), read(sources[1]!, SHIFTS.has(name) ? 'u32' : type)];
  const bits = operation === 'mul.wide' ? 2 * width : width;
  return unary(layout, d, bits, (thread) => binary(a(thread), b(thread), width));
}

function unary(layout: Layout, d: string, bits: number, value: Read<bigint>): Step {
  const write = writer(layout, d, bits);
  return (thread) => write(thread, value(thread));
}

function fused(layout: Layout, d: string, sources: readonly string[]): Step {
  const to = layout.register(d, 32);
  if (sources.every((source) => layout.isRegister(source))) {
    // Nearly all of a product's time is spent here.
    const [x, y, z] = sources.map((source) => layout.register(source, 32)) as [
      number,
      number,
      number,
    ];
    return ({ floats }) => {
      floats[to] = fma(floats[x]!, floats[y]!, floats[z]!);
    };
  }
  const [a, b, c] = sources.map((source) => floatReader(layout, source));
  return (thread) => {
    thread.floats[to] = fma(a!(thread), b!(thread), c!(thread));
  };
}

/** One operation in binary64 and one rounding are, for these, the binary32 operation itself. */
function once(
  layout: Layout,
  d: string,
  sources: readonly string[],
  operation: (a: number, b: number) => number,
): Step {
  const to = layout.register(d, 32);
  const [a, b] = sources.map((source) => floatReader(layout, source));
  return (thread) => {
    thread.floats[to] = operation(a!(thread), b!(thread));
  };
}

function onDoubles(
  layout: Layout,
  d: string,
  sources: readonly string[],
  operation: (a: number, b: number) => number,
): Step {
  const to = layout.register(d, 64);
  const [a, b] = sources.map((source) => doubleReader(layout, source));
  return (thread) => {
    thread.doubles[to] = operation(a!(thread), b!(thread));
  };
}

/** `gtu`: greater, or one is NaN. */
function greaterOrUnordered(layout: Layout, d: string, sources: readonly string[]): Step {
  const to = layout.register(d, 1);
  const [a, b] = sources.map((source) => doubleReader(layout, source));
  return (thread) => {
    thread.predicates[to] = a!(thread) <= b!(thread) ? 0 : 1;
  };
}

/** Exact: every 32-bit integer is a binary64. */
function doubleOf(layout: Layout, d: string, source: string): Step {
  const to = layout.register(d, 64);
  const value = reader(layout, source, 'u32');
  return (thread) => {
    thread.doubles[to] = Number(value(thread));
  };
}

/** `num`: neither is NaN. */
function bothNumbers(layout: Layout, d: string, sources: readonly string[]): Step {
  const to = layout.register(d, 1);
  const [a, b] = sources.map((source) => floatReader(layout, source));
  return (thread) => {
    thread.predicates[to] = Number.isNaN(a!(thread)) || Number.isNaN(b!(thread)) ? 0 : 1;
  };
}

/** Reads an integer operand of any kind: for addresses and guards. */
export function operandReader(layout: Layout, operand: string, type: Integer): Read<bigint> {
  return reader(layout, operand, type);
}
