/** The same seed gives the same world: in one process, and across processes. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runSeed } from '../../src/sim/run-seed.ts';
import { SIM_NODES } from '../../src/sim/sim-limits.ts';

const RUN_RANGE = fileURLToPath(new URL('../../scripts/sim/run-range.ts', import.meta.url));
const SEEDS = [3, 4, 5, 6];

async function traces(): Promise<string[]> {
  const hashes: string[] = [];
  for (const seed of SEEDS) {
    const { trace } = await runSeed({ nodes: SIM_NODES, seed, scenario: 'mixed' });
    hashes.push(trace);
  }
  return hashes;
}

test('a seed has one trace, whatever ran before it and in whichever process', async () => {
  const first = await traces();
  assert.equal(new Set(first).size, SEEDS.length);
  assert.deepEqual(await traces(), first);
  const range = { scenario: 'mixed', nodes: SIM_NODES, from: SEEDS[0], count: 4 };
  const output = execFileSync(process.execPath, [RUN_RANGE, JSON.stringify(range)]);
  const lines = output.toString().trimEnd().split('\n');
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as { trace: string }).trace),
    first,
  );
});
