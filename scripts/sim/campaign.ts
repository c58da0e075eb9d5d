/** Many seeds over several processes, until one breaks an invariant or all are run. */
import type { SeedLine, SeedRange } from './run-range.ts';
import { startSeedWorker } from './seed-worker.ts';

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

/** Neighbouring seeds go to different processes, so that the first failure is about the lowest. */
export async function runCampaign(init: CampaignInit): Promise<CampaignEnd> {
  const { root, scenario, nodes, from, seeds, workers: step } = init;
  let done = 0;
  let failure: SeedLine | undefined;
  const onLine = (line: SeedLine) => {
    done += 1;
    init.onProgress?.(done);
    if (line.violations.length === 0 || line.seed > (failure?.seed ?? Infinity)) return;
    failure = line;
    for (const worker of workers) worker.stop();
  };
  const workers = Array.from({ length: Math.min(step, seeds) }, (_, i) => {
    const count = Math.floor((seeds - i + step - 1) / step);
    const range: SeedRange = { scenario, nodes, from: from + i, count, step };
    return startSeedWorker(root, range, onLine);
  });
  await Promise.all(workers.map(({ finished }) => finished));
  return { done, failure };
}

/** What to type to see it again. */
export function replayCommand(seed: number, init: { nodes: number; scenario: string }): string {
  const { nodes, scenario } = init;
  return `npm run --silent kadre -- sim --nodes ${nodes} --seed ${seed} --scenario ${scenario}`;
}
