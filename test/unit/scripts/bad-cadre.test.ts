import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tailOf, tolerated } from '../../../scripts/docs/bad-cadre.ts';

/** Every outcome of n seats, one by one. */
function counted(n: number, p: number, least: number): number {
  let sum = 0;
  for (let seats = 0; seats < 2 ** n; seats++) {
    const bad = seats.toString(2).replaceAll('0', '').length;
    if (bad >= least) sum += p ** bad * (1 - p) ** (n - bad);
  }
  return sum;
}

test('the odds are those of counting every draw', () => {
  for (const n of [1, 4, 7, 10]) {
    for (const p of [0.01, 0.2, 0.33]) {
      for (const least of [0, 1, tolerated(n) + 1, n - tolerated(n), n]) {
        const [odds, expected] = [tailOf(n, p, least), counted(n, p, least)];
        assert.ok(Math.abs(odds - expected) <= 1e-12 * expected + 1e-300, `${n} ${p} ${least}`);
      }
    }
  }
});

test('a cadre tolerates less than a third', () => {
  assert.deepEqual([1, 3, 4, 6, 7, 100].map(tolerated), [0, 0, 1, 1, 2, 33]);
});
