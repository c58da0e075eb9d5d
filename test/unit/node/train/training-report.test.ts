/** The picture of a training as a file. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { trainingReport } from '../../../../node/commands/train/training-report.ts';

const ROUNDS = [0, 1, 2].map((round) => {
  return { round, clients: 4, refused: round, bytes: { up: 100 * (round + 1), dense: 4_000 } };
});
const MEASURED = [0, 1, 2, 3].map((rounds) => {
  return { rounds, loss: 2 - rounds / 2, accuracy: rounds / 4 };
});
const REPORT = { id: 'ab'.repeat(32), title: 'mlp & <q8>', measured: MEASURED, rounds: ROUNDS };

/** Every element closed, in order: what any XML reader asks first. */
function assertWellFormed(svg: string): void {
  const open: string[] = [];
  for (const [, end, name, alone] of svg.matchAll(/<(\/?)(\w+)[^>]*?(\/?)>/g)) {
    if (end === '/') assert.equal(open.pop(), name);
    else if (alone !== '/') open.push(name!);
  }
  assert.deepEqual(open, []);
}

test('curves run from the first round to the last, and end where the model does', () => {
  const svg = trainingReport(REPORT);
  assertWellFormed(svg);
  const curves = [...svg.matchAll(/<polyline class="curve" points="([^"]+)"/g)].map((found) =>
    found[1]!.split(' ').map((point) => point.split(',').map(Number) as [number, number]),
  );
  assert.equal(curves.length, 2);
  for (const [i, points] of curves.entries()) {
    assert.equal(points.length, MEASURED.length);
    const falls = points.every(([, y], at) => at === 0 || y > points[at - 1]![1]);
    assert.equal(falls, i === 0, 'on a screen y grows downwards: the loss falls');
  }
  assert.match(svg, /loss: 0\.5000 nats/);
  assert.match(svg, /right: 75\.00 %/);
});

test('words of others are no markup, bytes are summed up', () => {
  const svg = trainingReport(REPORT);
  assert.ok(svg.includes('mlp &#38; &#60;q8&#62;'));
  assert.match(svg, /bytes sent up: 600 in 3 rounds, 20\.0 times less than float32/);
  assert.match(svg, /round 3: 4 clients, 2 refused, 300 bytes up/);
});

test('without rows to measure on, or without rounds, it says so and is whole', () => {
  const svg = trainingReport({ ...REPORT, measured: [], rounds: [] });
  assertWellFormed(svg);
  assert.match(svg, /no rows to measure the model on/);
  assert.match(svg, /bytes sent up: 0 in 0 rounds</);
  const single = trainingReport({ ...REPORT, measured: MEASURED.slice(0, 1) });
  assert.ok(!single.includes('NaN'));
});
