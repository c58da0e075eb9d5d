/**
 * Every point of the enumeration, one after the other, in a lab of real processes. Run:
 * `npm run kill-points`, or with a part of a name: `npm run kill-points -- "send seal"`. With
 * `--random N [--seed S]` instead: N jobs, each with one to three deaths of anybody at any moment.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startLab } from '../../node/lab/lab.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { DEATHS, drawDeaths, KillLab, nameOf } from '../support/kill-run.ts';
import { silentLogger } from '../support/real-ports.ts';

const NODES = 5;
const ENTRY = fileURLToPath(new URL('../../node/lab/node-main.ts', import.meta.url));

const { values, positionals } = parseArgs({
  options: { random: { type: 'string' }, seed: { type: 'string', default: '1' } },
  allowPositionals: true,
});

interface Trial {
  readonly name: string;
  readonly run: (lab: KillLab) => Promise<unknown>;
}

const trials = values.random === undefined ? plannedTrials() : randomTrials(Number(values.random));

function plannedTrials(): Trial[] {
  return DEATHS.map((death) => ({
    name: nameOf(death),
    run: (lab: KillLab) => lab.run(death),
  })).filter(({ name }) => name.includes(positionals[0] ?? ''));
}

function randomTrials(count: number): Trial[] {
  const random = new SeededRandom(Number(values.seed));
  return Array.from({ length: count }, (_, i) => {
    const deaths = drawDeaths(random, NODES);
    const kills = deaths.kills.map(({ node, afterMs }) => `node ${node} after ${afterMs} ms`);
    const by = `${deaths.by}${deaths.detached ? ', detached' : ''}`;
    return {
      name: `job ${i + 1} by ${by}: ${kills.join(', ')}`,
      run: (lab: KillLab) => lab.runRandom(deaths),
    };
  });
}

const folder = await mkdtemp(join(tmpdir(), 'kadre-kill-'));
const dieAt = join(folder, 'die-at.json');
let failures = 0;

const freshLab = async () =>
  startLab({
    entry: ENTRY,
    behaviours: Array.from({ length: NODES }, () => null),
    seed: 1,
    logLevel: process.env.KILL_LOG === undefined ? 'error' : 'debug',
    log: silentLogger,
    signal: AbortSignal.timeout(120_000),
    dieAt,
  });

let lab = await freshLab();
try {
  let killLab = new KillLab(lab, dieAt);
  for (const { name, run } of trials) {
    const startMs = performance.now();
    try {
      await run(killLab);
      const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
      console.log(`ok    ${name}, ${seconds} s`);
    } catch (cause) {
      failures += 1;
      console.log(`FAIL  ${name}: ${cause instanceof Error ? cause.message : cause}`);
      // The next one must not suffer from what this one left.
      await lab.stop();
      lab = await freshLab();
      killLab = new KillLab(lab, dieAt);
    }
  }
} finally {
  await lab.stop();
  await rm(folder, { recursive: true, force: true });
}
console.log(`${trials.length - failures} of ${trials.length} survived`);
process.exitCode = failures === 0 ? 0 : 1;
