import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mapCode } from '../../../../src/compute/kernels/map.ts';
import { mapSteps } from '../../../../src/compute/reference/map.ts';
import { sampleFloats } from '../../../../src/compute/sample-input.ts';
import { programOf } from '../../../../src/kernel/map.ts';

const f = Math.fround;

function evaluated(expression: string, arrays: Readonly<Record<string, Float32Array>>) {
  const program = programOf(expression, Object.keys(arrays));
  assert.ok(program.ok, program.ok ? '' : program.detail);
  const lists = Object.values(arrays);
  const out = new Float32Array(lists[0]!.length);
  for (const _ of mapSteps(program.value, lists, out)) assert.ok(out);
  return out;
}

test('every operation is what the page says, element by element', () => {
  const [x, y] = [5, 6].map(
    (seed) => new Float32Array(sampleFloats('any-bits', 40_000, seed).buffer),
  );
  const meanings: Record<string, (a: number, b: number) => number> = {
    'x + y': (a, b) => f(a + b),
    'x - y': (a, b) => f(a - b),
    'x * y': (a, b) => f(a * b),
    'x / y': (a, b) => f(a / b),
    'min(x, y)': (a, b) => Math.min(a, b),
    'max(x, y)': (a, b) => Math.max(a, b),
    'select(x < y, x, 7)': (a, b) => (a < b ? a : 7),
    'select(x <= y, 1, -y * x)': (a, b) => (a <= b ? 1 : f(-b * a)),
    'select(x > y, 1, 2) + y - y * x': (a, b) => f(f((a > b ? 1 : 2) + b) - f(b * a)),
    'select(x >= y, 7, y)': (a, b) => (a >= b ? 7 : b),
    'select(x != x, y, x)': (a, b) => (Number.isNaN(a) ? b : a),
    'select(x == y, 1, 0) - abs(-x) + y': (a, b) => f(f((a === b ? 1 : 0) - Math.abs(a)) + b),
    'sqrt(abs(x)) * 0.1 + y': (a, b) => f(f(f(Math.sqrt(Math.abs(a))) * f(0.1)) + b),
    // A third operand must not leak into operations of two.
    'max(x / y, min(y, -0.5))': (a, b) => Math.max(f(a / b), Math.min(b, -0.5)),
  };
  for (const [expression, meaning] of Object.entries(meanings)) {
    const out = evaluated(expression, { x: x!, y: y! });
    const bits = new Uint32Array(out.buffer);
    for (let i = 0; i < out.length; i++) {
      const right = meaning(x![i]!, y![i]!);
      assert.ok(Object.is(out[i], right), `${expression} at ${x![i]}, ${y![i]}: ${out[i]}`);
      if (Number.isNaN(right)) assert.equal(bits[i], 0x7fc00000);
    }
  }
});

test('the self-test uses every operation', () => {
  const codes = new Set(
    mapCode.selftest().flatMap(({ request }) => {
      const names = request.inputs.map(({ name }) => name);
      const program = programOf(request.parameters.expression as string, names);
      return program.ok ? program.value.instructions.map(({ code }) => code) : [];
    }),
  );
  assert.deepEqual(
    [...codes].sort((a, b) => a - b),
    Array.from({ length: 15 }, (_, i) => i),
  );
});
