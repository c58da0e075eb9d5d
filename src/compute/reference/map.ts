/**
 * `map@1` by its page (docs/protocol/kernels/map.md): the program, instruction by instruction, over
 * runs of elements. A store into a Float32Array is the one rounding of each operation: binary64 is
 * wide enough that rounding its result again changes nothing for + - * / and sqrt (Figueroa, 1995).
 */
import type { Instruction, Program } from '../../kernel/expression/compile.ts';
import { canonicaliseNan } from './canonical-nan.ts';
import { fma } from './fma.ts';

/** Elements of one run: between two runs others may work. */
const RUN = 16_384;

type Operation = (a: number, b: number, c: number) => number;

/** By code: src/kernel/expression/syntax.ts. */
const OPERATIONS: readonly Operation[] = [
  (a, b) => a + b,
  (a, b) => a - b,
  (a, b) => a * b,
  (a, b) => a / b,
  (a, b) => Math.min(a, b),
  (a, b) => Math.max(a, b),
  (a, b) => (a < b ? 1 : 0),
  (a, b) => (a <= b ? 1 : 0),
  (a, b) => (a === b ? 1 : 0),
  (a, b) => (a === b ? 0 : 1),
  (a) => Math.sqrt(a),
  (a) => Math.abs(a),
  (a) => -a,
  (a, b, c) => fma(a, b, c),
  (a, b, c) => (a !== 0 ? b : c),
];

/** `arrays` in the program's order, each as long as `out`. */
export function* mapSteps(
  program: Program,
  arrays: readonly Float32Array[],
  out: Float32Array,
): Generator<void> {
  for (let at = 0; at < out.length; at += RUN) {
    const end = Math.min(out.length, at + RUN);
    const slots = arrays.map((array) => array.subarray(at, end));
    for (const constant of program.constants) {
      slots.push(new Float32Array(end - at).fill(constant));
    }
    while (slots.length < program.slotCount) slots.push(new Float32Array(end - at));
    for (const instruction of program.instructions) execute(instruction, slots);
    out.set(slots[program.result]!, at);
    if (end < out.length) yield;
  }
  canonicaliseNan(out);
}

function execute({ code, out, operands }: Instruction, slots: readonly Float32Array[]): void {
  const operation = OPERATIONS[code]!;
  const [a, b, c] = operands.map((slot) => slots[slot]!) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const result = slots[out]!;
  for (let i = 0; i < result.length; i++) result[i] = operation(a[i]!, b[i]!, c[i]!);
}
