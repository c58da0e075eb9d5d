/**
 * Fresh seeds of every scenario, and all seeds that ever found something. What is fresh is drawn
 * anew in each run; a failure prints the command that shows it again.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { replayCommand } from '../../scripts/sim/campaign.ts';
import { runSeed, type SimOptions } from '../../src/sim/run-seed.ts';
import { SCENARIOS } from '../../src/sim/scenarios.ts';
import { SIM_NODES } from '../../src/sim/sim-limits.ts';

/** Seeds per scenario; `mixed` has everything in it. */
const FRESH = 6;
const FRESH_MIXED = 24;

interface Regression extends SimOptions {
  /** What it found. */
  readonly found: string;
}

const regressions = JSON.parse(
  readFileSync(new URL('regressions.json', import.meta.url), 'utf8'),
) as readonly Regression[];

async function holds(options: SimOptions): Promise<void> {
  const { violations } = await runSeed(options);
  assert.deepEqual(violations, [], `see it again: ${replayCommand(options.seed, options)}`);
}

for (const { name } of SCENARIOS) {
  test(`fresh seeds of ${name}`, async () => {
    const base = randomInt(2 ** 31);
    const count = name === 'mixed' ? FRESH_MIXED : FRESH;
    for (let seed = base; seed < base + count; seed++) {
      await holds({ nodes: SIM_NODES, seed, scenario: name });
    }
  });
}

for (const { found, ...options } of regressions) {
  test(`seed ${options.seed} of ${options.scenario}: ${found}`, () => holds(options));
}
