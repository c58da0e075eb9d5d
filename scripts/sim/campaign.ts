/** Many seeds over several processes, until one breaks an invariant or all are run. */
import { isCadre } from '../../src/sim/cadre/cadre-scenarios.ts';
import { SIM_NODES } from '../../src/sim/sim-limits.ts';
import type { SeedLine, SeedRange } from './run-range.ts';
import { type SeedWorker, startSeedWorker } from './seed-worker.ts';

export interface CampaignInit {
  /** The folder whose `src` is run. */
  readonly root: string;
  readonly scenario: string;
  readonly nodes: number;
  readonly from: number;
  readonly seeds: number;
  readonly workers: number;
  /** Called now and then with how many seeds are done. */
  readonly onProgress?: (done: number) => void;
}

export interface CampaignEnd {
  /** Seeds that were run to their end. */
  readonly done: number;
  /** The lowest seed seen to break something. */
  readonly failure: SeedLine | undefined;
}

/** Worlds leave timers and signals behind: a process that ran this many is replaced. */
const SEEDS_PER_PROCESS = 100;

/**
 * Seeds go out in blocks, in order, so that the first failure is about the lowest. It stops what
 * else is running.
 */
export async function runCampaign(init: CampaignInit): Promise<CampaignEnd> {
  const { root, scenario, nodes, from, seeds } = init;
  let done = 0;
  let next = from;
  let failure: SeedLine | undefined;
  const running = new Set<SeedWorker>();
  const onLine = (line: SeedLine) => {
    done += 1;
    init.onProgress?.(done);
    if (line.violations.length === 0 || line.seed > (failure?.seed ?? Infinity)) return;
    failure = line;
    for (const worker of running) worker.stop();
  };
  const work = async () => {
    while (next < from + seeds && failure === undefined) {
      const count = Math.min(SEEDS_PER_PROCESS, from + seeds - next);
      const range: SeedRange = { scenario, nodes, from: next, count };
      next += count;
      const worker = startSeedWorker(root, range, onLine);
      running.add(worker);
      await worker.finished;
      running.delete(worker);
    }
  };
  await Promise.all(Array.from({ length: init.workers }, work));
  return { done, failure };
}

/** Nodes of a world, or seats of a cadre, unless somebody says otherwise: 0 is drawn. */
export function nodesOf(scenario: string): number {
  return isCadre(scenario) ? 0 : SIM_NODES;
}

/** What to type to see it again. */
export function replayCommand(seed: number, init: { nodes: number; scenario: string }): string {
  const { nodes, scenario } = init;
  if (isCadre(scenario)) {
    return `npm run sim -- --nodes ${nodes} --from ${seed} --seeds 1 --scenario ${scenario}`;
  }
  return `npm run --silent kadre -- sim --nodes ${nodes} --seed ${seed} --scenario ${scenario}`;
}
