import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileExpression, SLOTS_MAX } from '../../../src/kernel/expression/compile.ts';
import {
  DEPTH_MAX,
  OPERATIONS_MAX,
  parseExpression,
} from '../../../src/kernel/expression/parse.ts';
import type { Expression } from '../../../src/kernel/expression/syntax.ts';
import { map, programOf } from '../../../src/kernel/map.ts';

function parsed(text: string): Expression {
  const checked = parseExpression(text);
  assert.ok(checked.ok, checked.ok ? '' : checked.detail);
  return checked.value;
}

/** Fully parenthesised. */
function shown(node: Expression): string {
  if (node.kind === 'constant') return String(node.value);
  if (node.kind === 'input') return node.name;
  return `${node.operation}(${node.operands.map(shown).join(' ')})`;
}

test('precedence, grouping from the left, signs, comparisons', () => {
  const cases = {
    'x - y + z': 'add(subtract(x y) z)',
    'x / y * z': 'multiply(divide(x y) z)',
    'x + y * z': 'add(x multiply(y z))',
    '(x + y) * z': 'multiply(add(x y) z)',
    '- x * -- y': 'multiply(negate(x) negate(negate(y)))',
    'x - -1.5e1': 'subtract(x negate(15))',
    'select(x > y, .5, 2.)': 'select(less(y x) 0.5 2)',
    'select((x >= 1), x+1, min(x, 3))': 'select(lessOrEqual(1 x) add(x 1) min(x 3))',
    'fma(x,x,x)': 'fma(x x x)',
    'select(x!=y,0,1e3)': 'select(notEqual(x y) 0 1000)',
  };
  for (const [text, tree] of Object.entries(cases)) assert.equal(shown(parsed(text)), tree);
});

test('what is wrong is refused with its column', () => {
  const cases: [string, number, RegExp][] = [
    ['', 1, /value/],
    ['x +', 4, /value/],
    ['x y', 3, /operator/],
    ['x + foo(2)', 5, /no function foo/],
    ['sqrt', 1, /parentheses/],
    ['sqrt(x, y)', 1, /takes 1, not 2/],
    ['min(x)', 1, /takes 2, not 1/],
    ['(x', 3, /`\)`/],
    ['x < y', 1, /comparison is no number/],
    ['(x < y) + 1', 9, /operand 1 of add must be a number/],
    ['select(x, y, z)', 1, /must be a comparison/],
    ['x < y < z', 7, /operator/],
    ['1e39', 1, /too large/],
    ['x % 2', 3, /operator/],
    ['x\n+1', 2, /operator/],
    ['x = y', 3, /operator/],
    [`${'('.repeat(DEPTH_MAX + 1)}x`, DEPTH_MAX + 2, /nested/],
    [`${'-'.repeat(5000)}x`, DEPTH_MAX + 2, /nested/],
    [`x${' + x'.repeat(OPERATIONS_MAX + 1)}`, 4 * OPERATIONS_MAX + 3, /more than/],
  ];
  for (const [text, column, why] of cases) {
    const checked = parseExpression(text);
    assert.ok(!checked.ok, text);
    assert.equal(checked.reason, 'bad-parameter');
    assert.match(checked.detail!, new RegExp(`^expression, column ${column}: `), text);
    assert.match(checked.detail!, why);
  }
});

test('slots are used again, shared constants are one, and too many values are refused', () => {
  const program = programOf('(x + 2) * (y + 2) - sqrt(x * 2)', ['x', 'y']);
  assert.ok(program.ok);
  assert.deepEqual(program.value.constants, [2]);
  // x, y, 2 and two values at once.
  assert.equal(program.value.slotCount, 5);
  const many = Array.from({ length: SLOTS_MAX }, (_, i) => `${i}`).join(' + x * ');
  const refused = programOf(many, ['x']);
  assert.ok(!refused.ok && /at once/.test(refused.detail ?? ''));
});

test('map refuses names without arrays, arrays without use, unequal lengths', () => {
  const f4 = (name: string, length: number) => ({ name, dtype: '<f4', shape: [length] }) as const;
  const reason = (expression: string, ...inputs: ReturnType<typeof f4>[]) => {
    const checked = map.resolve({ expression }, inputs);
    return checked.ok ? 'accepted' : checked.reason;
  };
  assert.equal(reason('x + y', f4('x', 3), f4('y', 3)), 'accepted');
  assert.equal(reason('x + w', f4('w', 3), f4('x', 3)), 'accepted');
  assert.equal(reason('x + y', f4('x', 3)), 'bad-parameter');
  assert.equal(reason('x', f4('x', 3), f4('y', 3)), 'bad-parameter');
  assert.equal(reason('1', f4('x', 3)), 'bad-parameter');
  assert.equal(reason('x + y', f4('x', 3), f4('y', 4)), 'bad-input');
  assert.equal(reason('x', f4('x', 0)), 'bad-input');
  assert.equal(reason('x', f4('v', 3)), 'bad-input');
  assert.equal(reason('y', f4('y', 3)), 'bad-input');
});

test('no text makes the parser throw, and what it accepts compiles or is refused', () => {
  const pieces = [
    ...['x', 'y', '1', '.5', '1e9', '+', '-', '*', '/', '(', ')', ',', '<', '<=', '==', '!='],
    ...['sqrt(', 'select(', 'fma(', 'min(', ' ', 'é', '\0', '__proto__', 'constructor'],
  ];
  const texts = fc.oneof(
    fc.string(),
    fc.array(fc.constantFrom(...pieces), { maxLength: 40 }).map((list) => list.join('')),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const checked = parseExpression(text);
      if (checked.ok) compileExpression(checked.value, ['x', 'y', '__proto__', 'constructor']);
      else assert.match(checked.detail!, /^expression, column \d+: /);
    }),
    { numRuns: 2000 },
  );
});
