/** A child process that runs seeds: its lines as they come, until it ends or is stopped. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { SeedLine, SeedRange } from './run-range.ts';

export interface SeedWorker {
  readonly finished: Promise<void>;
  stop(): void;
}

/** `root`: the folder whose `src` is run. */
export function startSeedWorker(
  root: string,
  range: SeedRange,
  onLine: (line: SeedLine) => void,
): SeedWorker {
  const entry = path.join(root, 'scripts', 'sim', 'run-range.ts');
  const argv = ['--disable-warning=ExperimentalWarning', entry, JSON.stringify(range)];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => onLine(JSON.parse(line) as SeedLine));
  const finished = new Promise<void>((resolve) => {
    child.on('error', () => resolve());
    child.on('close', () => resolve());
  });
  return { finished, stop: () => void child.kill('SIGKILL') };
}
