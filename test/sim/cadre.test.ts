/**
 * A cadre alone: fresh seeds of every scenario for a few seconds each, drawn anew in each run; a
 * failure prints the command that shows it again. Old finds are in regressions.json.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { replayCommand } from '../../scripts/sim/campaign.ts';
import { CADRE_SCENARIOS } from '../../src/sim/cadre/cadre-scenarios.ts';
import { Lasso } from '../../src/sim/cadre/lasso.ts';
import { LIES } from '../../src/sim/cadre/lies.ts';
import { type CadreReport, runCadreSeed } from '../../src/sim/cadre/run-cadre-seed.ts';

/** Real time per scenario; the last one, which has everything in it, gets three times as much. */
const FRESH_MS = 2_000;
/** Enough on the slowest machine for every kind of fault to be drawn at least once. */
const FRESH_MIN = 12;

async function holds(scenario: string, seed: number): Promise<CadreReport> {
  const options = { scenario, seed, nodes: 0 };
  const report = await runCadreSeed(options);
  assert.deepEqual(report.violations, [], `see it again: ${replayCommand(seed, options)}`);
  return report;
}

for (const { name } of CADRE_SCENARIOS) {
  test(`fresh seeds of ${name}`, async () => {
    const base = randomInt(2 ** 31);
    const untilMs = performance.now() + FRESH_MS * (name === 'cadre:storm' ? 3 : 1);
    for (let i = 0; i < FRESH_MIN || performance.now() < untilMs; i++) await holds(name, base + i);
  });
}

test('a seed has one trace, and another seed another', async () => {
  const first = await holds('cadre:storm', 7);
  assert.equal((await holds('cadre:storm', 7)).trace, first.trace);
  assert.notEqual((await holds('cadre:storm', 8)).trace, first.trace);
});

test('every lie is told by some of the first seeds', async () => {
  const told = new Set<string | undefined>();
  for (let seed = 1; seed <= 60; seed++) {
    for (const fault of (await holds('cadre:byzantine', seed)).faults) told.add(fault);
  }
  for (const lie of [...Object.keys(LIES), 'twins', 'amnesiac', 'bad-disk']) {
    assert.ok(told.has(lie), `${lie} was never drawn`);
  }
});

test('a lasso is a state that comes back, and not one that moves', () => {
  const timeout = (round: number, highQcRound: number) => ({ kind: 'timeout', round, highQcRound });
  const circle = new Lasso(4);
  const found = Array.from({ length: 40 }, (_, round) => circle.sent(0, timeout(round, 3)));
  assert.ok(found.includes(true));
  const moving = new Lasso(4);
  for (let round = 1; round < 200; round++) {
    assert.equal(moving.sent(0, timeout(round, 3)), false);
    moving.progressed();
  }
});
