/**
 * `npm run sim:bugs [-- NAME ...]`: plants every known bug, one at a time, and requires that the
 * simulator finds it within 10,000 seeds.
 */
import os from 'node:os';
import path from 'node:path';
import { ALL_PLANTED_BUGS as PLANTED_BUGS } from './sim/all-planted-bugs.ts';
import { type Hunt, hunt } from './sim/hunt.ts';

const SEEDS_MAX = 10_000;
const root = path.dirname(import.meta.dirname);
const wanted = process.argv.slice(2);
const queue = PLANTED_BUGS.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
const unknown = wanted.find((name) => !PLANTED_BUGS.some((bug) => bug.name === name));
if (unknown !== undefined) throw new Error(`no planted bug is called ${unknown}`);

function report({ bug, seeds, violation, ms }: Hunt): void {
  const how =
    seeds === undefined ? `NOT FOUND in ${SEEDS_MAX} seeds` : `seed ${seeds}: ${violation}`;
  console.log(`${bug.area} ${bug.name} (${bug.scenario}, ${(ms / 1000).toFixed(1)} s): ${how}`);
}

let missed = 0;
async function work(): Promise<void> {
  for (let bug = queue.shift(); bug !== undefined; bug = queue.shift()) {
    const found = await hunt(bug, { root, seedsMax: SEEDS_MAX });
    if (found.seeds === undefined) missed += 1;
    report(found);
  }
}
await Promise.all(Array.from({ length: os.availableParallelism() }, work));
if (missed > 0) process.exitCode = 1;
