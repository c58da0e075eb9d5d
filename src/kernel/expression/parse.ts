/**
 * Expression texts of `map@1` into typed trees, by recursive descent (grammar:
 * docs/protocol/kernels/map.md, section 1). Texts come from strangers' job specs: nesting and size
 * are bounded, and what is wrong is a refusal that says where.
 */
import { accept, type Checked, refuse } from '../../base/verdict.ts';
import { type Expression, FUNCTIONS, OPERATIONS, type OperationName, typeOf } from './syntax.ts';

/** Parentheses, functions and signs inside one another. */
export const DEPTH_MAX = 32;
/** Operations of one expression. */
export const OPERATIONS_MAX = 256;

/** Reason: `bad-parameter`; the detail begins with the column, counted from 1. */
export function parseExpression(text: string): Checked<Expression> {
  const parser = new Parser(text);
  const expression = parser.whole();
  if (expression !== undefined) return accept(expression);
  const { column, why } = parser.problem;
  return refuse('bad-parameter', 'reject', `expression, column ${column}: ${why}`);
}

const COMPARISONS: Readonly<Record<string, { operation: OperationName; isSwapped: boolean }>> = {
  '<': { operation: 'less', isSwapped: false },
  '<=': { operation: 'lessOrEqual', isSwapped: false },
  '>': { operation: 'less', isSwapped: true },
  '>=': { operation: 'lessOrEqual', isSwapped: true },
  '==': { operation: 'equal', isSwapped: false },
  '!=': { operation: 'notEqual', isSwapped: false },
};
const SUMS: Readonly<Record<string, OperationName>> = { '+': 'add', '-': 'subtract' };
const PRODUCTS: Readonly<Record<string, OperationName>> = { '*': 'multiply', '/': 'divide' };

const NUMBER = /(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y;
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const SYMBOL = /[<>=!]=|[-+*/(),<>]/y;

/** Methods give undefined once something is wrong; the first problem is kept. */
class Parser {
  problem = { column: 1, why: 'nothing there' };
  readonly #text: string;
  #at = 0;
  #depth = 0;
  #operations = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): Expression | undefined {
    const expression = this.#expression();
    if (expression === undefined) return undefined;
    this.#skipSpace();
    if (this.#at < this.#text.length) return this.#fail('an operator was expected here');
    if (typeOf(expression) === 'number') return expression;
    this.#at = 0;
    return this.#fail('a comparison is no number; write select(..., 1, 0)');
  }

  #expression(): Expression | undefined {
    const left = this.#chain(SUMS, () => this.#chain(PRODUCTS, () => this.#signed()));
    const symbol = this.#peek(SYMBOL);
    const comparison = symbol === undefined ? undefined : COMPARISONS[symbol];
    if (left === undefined || comparison === undefined) return left;
    const at = this.#at;
    this.#at += symbol!.length;
    const right = this.#chain(SUMS, () => this.#chain(PRODUCTS, () => this.#signed()));
    if (right === undefined) return undefined;
    const operands = comparison.isSwapped ? [right, left] : [left, right];
    return this.#operation(comparison.operation, operands, at);
  }

  /** Operands joined by operators of one precedence, from the left. */
  #chain(
    operators: Readonly<Record<string, OperationName>>,
    operand: () => Expression | undefined,
  ): Expression | undefined {
    let left = operand();
    while (left !== undefined) {
      const operation = operators[this.#peek(SYMBOL) ?? ''];
      if (operation === undefined) return left;
      const at = this.#at;
      this.#at += 1;
      const right = operand();
      if (right === undefined) return undefined;
      left = this.#operation(operation, [left, right], at);
    }
    return undefined;
  }

  #signed(): Expression | undefined {
    if (this.#peek(SYMBOL) !== '-') return this.#primary();
    const at = this.#at;
    this.#at += 1;
    const operand = this.#nested(() => this.#signed());
    return operand && this.#operation('negate', [operand], at);
  }

  #primary(): Expression | undefined {
    const digits = this.#peek(NUMBER);
    if (digits !== undefined) return this.#constant(digits);
    const name = this.#peek(NAME);
    if (name !== undefined) return this.#named(name);
    if (this.#peek(SYMBOL) !== '(') return this.#fail('a value was expected here');
    this.#at += 1;
    const inner = this.#nested(() => this.#expression());
    return inner && this.#take(')') ? inner : undefined;
  }

  #constant(digits: string): Expression | undefined {
    const value = Math.fround(Number(digits));
    if (!Number.isFinite(value)) return this.#fail('the number is too large for binary32');
    this.#at += digits.length;
    return { kind: 'constant', value };
  }

  #named(name: string): Expression | undefined {
    const at = this.#at;
    this.#at += name.length;
    const operation = FUNCTIONS.find((known) => known === name);
    if (this.#peek(SYMBOL) !== '(') {
      if (operation === undefined) return { kind: 'input', name };
      return this.#fail(`${name} needs its operands in parentheses`, at);
    }
    if (operation === undefined) {
      return this.#fail(`no function ${name}; there are ${FUNCTIONS.join(', ')}`, at);
    }
    this.#at += 1;
    const operands: Expression[] = [];
    do {
      const operand = this.#nested(() => this.#expression());
      if (operand === undefined) return undefined;
      operands.push(operand);
    } while (this.#peek(SYMBOL) === ',' && this.#take(','));
    return this.#take(')') ? this.#operation(operation, operands, at) : undefined;
  }

  #operation(
    operation: OperationName,
    operands: readonly Expression[],
    at: number,
  ): Expression | undefined {
    const takes: readonly string[] = OPERATIONS[operation].takes;
    if (operands.length !== takes.length) {
      return this.#fail(`${operation} takes ${takes.length}, not ${operands.length}`, at);
    }
    const wrong = operands.findIndex((operand, i) => typeOf(operand) !== takes[i]);
    if (wrong >= 0) {
      const wanted = takes[wrong] === 'truth' ? 'a comparison' : 'a number';
      return this.#fail(`operand ${wrong + 1} of ${operation} must be ${wanted}`, at);
    }
    this.#operations += 1;
    if (this.#operations <= OPERATIONS_MAX) return { kind: 'operation', operation, operands };
    return this.#fail(`more than ${OPERATIONS_MAX} operations`, at);
  }

  #nested(parse: () => Expression | undefined): Expression | undefined {
    if (this.#depth === DEPTH_MAX) return this.#fail(`nested deeper than ${DEPTH_MAX}`);
    this.#depth += 1;
    const expression = parse();
    this.#depth -= 1;
    return expression;
  }

  #take(symbol: string): boolean {
    if (this.#peek(SYMBOL) === symbol) {
      this.#at += symbol.length;
      return true;
    }
    this.#fail(`\`${symbol}\` was expected here`);
    return false;
  }

  /** What a sticky pattern matches next, after any spaces; it is not consumed. */
  #peek(pattern: RegExp): string | undefined {
    this.#skipSpace();
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#text)?.[0];
  }

  #skipSpace(): void {
    while (this.#text[this.#at] === ' ') this.#at += 1;
  }

  #fail(why: string, at = this.#at): undefined {
    this.problem = { column: at + 1, why };
    return undefined;
  }
}
