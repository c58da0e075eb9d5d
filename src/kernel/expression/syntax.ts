/**
 * Expressions of `map@1` as a typed tree, and the operations they may use, with the codes that
 * programs name them by (docs/protocol/kernels/map.md).
 */

/** A truth value exists only between a comparison and the `select` that asks for it. */
export type ValueType = 'number' | 'truth';

interface OperationRow {
  readonly code: number;
  readonly takes: readonly ValueType[];
  readonly gives: ValueType;
}

const number = (code: number, count: number): OperationRow => ({
  code,
  takes: new Array<ValueType>(count).fill('number'),
  gives: 'number',
});
const comparison = (code: number): OperationRow => ({
  code,
  takes: ['number', 'number'],
  gives: 'truth',
});

export const OPERATIONS = {
  add: number(0, 2),
  subtract: number(1, 2),
  multiply: number(2, 2),
  divide: number(3, 2),
  min: number(4, 2),
  max: number(5, 2),
  less: comparison(6),
  lessOrEqual: comparison(7),
  equal: comparison(8),
  notEqual: comparison(9),
  sqrt: number(10, 1),
  abs: number(11, 1),
  negate: number(12, 1),
  fma: number(13, 3),
  select: { code: 14, takes: ['truth', 'number', 'number'], gives: 'number' },
} as const satisfies Readonly<Record<string, OperationRow>>;

export type OperationName = keyof typeof OPERATIONS;

/** Operations that are written as functions. */
export const FUNCTIONS: readonly OperationName[] = ['sqrt', 'abs', 'min', 'max', 'fma', 'select'];

export type Expression =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'input'; readonly name: string }
  | {
      readonly kind: 'operation';
      readonly operation: OperationName;
      readonly operands: readonly Expression[];
    };

export function typeOf(expression: Expression): ValueType {
  return expression.kind === 'operation' ? OPERATIONS[expression.operation].gives : 'number';
}
