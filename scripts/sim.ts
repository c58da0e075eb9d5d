/**
 * `npm run sim -- --seeds N [--from S] [--scenario NAME] [--nodes N] [--workers N]`: runs seeds of
 * one scenario over several processes. The first broken invariant ends it with status 1 and the
 * command that shows it again.
 */
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { CADRE_SCENARIOS } from '../src/sim/cadre/cadre-scenarios.ts';
import { SCENARIO_NAMES } from '../src/sim/scenarios.ts';
import { nodesOf, replayCommand, runCampaign } from './sim/campaign.ts';

const PROGRESS_EVERY = 100;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    scenario: { type: 'string', default: 'mixed' },
    nodes: { type: 'string' },
    workers: { type: 'string', default: String(os.availableParallelism()) },
  },
});

function count(name: 'seeds' | 'from' | 'workers'): number {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new RangeError(`--${name} must be a positive integer, not ${values[name]}`);
}

const { scenario } = values;
const names = [...SCENARIO_NAMES, ...CADRE_SCENARIOS.map(({ name }) => name)];
if (!names.includes(scenario)) {
  throw new RangeError(`--scenario must be one of ${names.join(', ')}`);
}
const seeds = count('seeds');
// A cadre's size is drawn from the seed unless it is given.
const nodes = values.nodes === undefined ? nodesOf(scenario) : Number(values.nodes);
const startMs = performance.now();
const seconds = () => ((performance.now() - startMs) / 1000).toFixed(0);
const { done, failure } = await runCampaign({
  root: path.dirname(import.meta.dirname),
  scenario,
  nodes,
  from: count('from'),
  seeds,
  workers: count('workers'),
  onProgress: (soFar) => {
    if (soFar % PROGRESS_EVERY === 0) console.error(`${soFar} of ${seeds} seeds, ${seconds()} s`);
  },
});
if (failure !== undefined) {
  console.log(`seed ${failure.seed} of ${scenario} with ${nodes} nodes breaks an invariant:`);
  for (const violation of failure.violations) console.log(`  ${violation}`);
  console.log(`see it again: ${replayCommand(failure.seed, { nodes, scenario })}`);
  process.exitCode = 1;
} else if (done < seeds) {
  console.log(`only ${done} of ${seeds} seeds came to an end`);
  process.exitCode = 1;
} else {
  console.log(`${done} seeds of ${scenario} with ${nodes} nodes: no invariant was broken`);
}
