/** Plants one bug in a copy of the sources and lets the simulator look for it. */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { nodesOf } from './campaign.ts';
import type { PlantedBug } from './planted-bugs.ts';
import { startSeedWorker } from './seed-worker.ts';

export interface Hunt {
  readonly bug: PlantedBug;
  /** Seeds that were run until it showed; undefined when it did not. */
  readonly seeds: number | undefined;
  readonly violation: string | undefined;
  readonly ms: number;
}

export interface HuntInit {
  readonly root: string;
  readonly seedsMax: number;
}

/** Errors: a plain Error when the bug's edit does not apply. */
export async function hunt(bug: PlantedBug, { root, seedsMax }: HuntInit): Promise<Hunt> {
  const startMs = performance.now();
  const copy = path.join(root, 'build', 'planted', `${bug.name}-${process.pid}`);
  try {
    plant(bug, root, copy);
    const { scenario } = bug;
    const range = { scenario, nodes: nodesOf(scenario), from: 1, count: seedsMax };
    let found: Pick<Hunt, 'seeds' | 'violation'> = { seeds: undefined, violation: undefined };
    const worker = startSeedWorker(copy, range, ({ seed, violations }) => {
      if (found.seeds !== undefined || violations.length === 0) return;
      found = { seeds: seed, violation: violations[0] };
      worker.stop();
    });
    await worker.finished;
    return { bug, ...found, ms: performance.now() - startMs };
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function plant({ name, file, find, replace }: PlantedBug, root: string, copy: string): void {
  mkdirSync(copy, { recursive: true });
  const isSource = (entry: string) => !entry.startsWith(path.join(root, 'src', 'native', 'c'));
  cpSync(path.join(root, 'src'), path.join(copy, 'src'), { recursive: true, filter: isSource });
  cpSync(path.join(root, 'scripts', 'sim'), path.join(copy, 'scripts', 'sim'), { recursive: true });
  cpSync(path.join(root, 'package.json'), path.join(copy, 'package.json'));
  const target = path.join(copy, file);
  const text = readFileSync(target, 'utf8');
  if (text.split(find).length !== 2) {
    throw new Error(`the bug ${name} does not apply: ${file} must hold its text exactly once`);
  }
  writeFileSync(
    target,
    text.replace(find, () => replace),
  );
}
