/**
 * Typed trees into programs: instructions over numbered slots, which hold inputs, constants and
 * intermediate values (docs/protocol/kernels/map.md, section 3).
 */
import { accept, type Checked, refuse } from '../../base/verdict.ts';
import { type Expression, OPERATIONS } from './syntax.ts';

/** Values that a program may hold at once; KADRE_MAP_SLOTS_MAX of the native code. */
export const SLOTS_MAX = 64;

export interface Instruction {
  readonly code: number;
  readonly out: number;
  /** Operands that the operation does not have are slot 0. */
  readonly operands: readonly [number, number, number];
}

/** Slots: inputs first, then constants, then intermediate values. */
export interface Program {
  readonly inputs: readonly string[];
  readonly constants: readonly number[];
  readonly slotCount: number;
  readonly instructions: readonly Instruction[];
  /** The slot that holds the value of the whole at the end. */
  readonly result: number;
}

/** Names in an expression, in the order of `known`; then those that are not known. */
export function inputsOf(expression: Expression): ReadonlySet<string> {
  const names = new Set<string>();
  visit(expression, (leaf) => {
    if (leaf.kind === 'input') names.add(leaf.name);
  });
  return names;
}

/** `inputs` are all the names that the expression has. Reason: `bad-parameter`. */
export function compileExpression(
  expression: Expression,
  inputs: readonly string[],
): Checked<Program> {
  const constants: number[] = [];
  visit(expression, (leaf) => {
    if (leaf.kind === 'constant' && !constants.includes(leaf.value)) constants.push(leaf.value);
  });
  const instructions: Instruction[] = [];
  let slotCount = inputs.length + constants.length;
  /** Leaves where the value is; `free` is the first slot that may be written. */
  const emit = (node: Expression, free: number): number => {
    if (node.kind === 'input') return inputs.indexOf(node.name);
    if (node.kind === 'constant') return inputs.length + constants.indexOf(node.value);
    let next = free;
    const slots = node.operands.map((operand) => {
      const slot = emit(operand, next);
      if (slot >= next) next = slot + 1;
      return slot;
    });
    const [a = 0, b = 0, c = 0] = slots;
    const { code } = OPERATIONS[node.operation];
    instructions.push({ code, out: free, operands: [a, b, c] });
    slotCount = Math.max(slotCount, free + 1);
    return free;
  };
  const result = emit(expression, slotCount);
  if (slotCount <= SLOTS_MAX) {
    return accept({ inputs, constants, slotCount, instructions, result });
  }
  const why = `needs ${slotCount} constants and values at once, at most ${SLOTS_MAX} are possible`;
  return refuse('bad-parameter', 'reject', `expression: ${why}`);
}

type Leaf = Exclude<Expression, { kind: 'operation' }>;

function visit(node: Expression, leaf: (leaf: Leaf) => void): void {
  if (node.kind !== 'operation') leaf(node);
  else for (const operand of node.operands) visit(operand, leaf);
}
