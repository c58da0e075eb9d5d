/** The real binary as a process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../node/main.ts', import.meta.url));

export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface KadreProcess {
  readonly child: ChildProcess;
  /** The first line of stdout, parsed. Rejects when it ends without one. */
  readonly firstLine: Promise<Record<string, unknown>>;
  readonly finished: Promise<Finished>;
}

export interface ProcessOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

export function startKadre(argv: readonly string[], options: ProcessOptions = {}): KadreProcess {
  const env = { ...process.env, ...options.env };
  const { cwd } = options;
  const child = spawn(process.execPath, [MAIN, ...argv], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
  });
  let [stdout, stderr] = ['', ''];
  child.stdout!.on('data', (text) => {
    stdout += text;
  });
  child.stderr!.on('data', (text) => {
    stderr += text;
  });
  const finished = once(child, 'close').then(([status]) => ({ status, stdout, stderr }));
  const lines = createInterface({ input: child.stdout! });
  const firstLine = new Promise<Record<string, unknown>>((resolve, reject) => {
    lines.once('line', (line) => {
      try {
        resolve(JSON.parse(line));
      } catch (cause) {
        reject(cause);
      }
    });
    void finished.then(() => reject(new Error(`ended without a line: ${stderr}`)));
  });
  firstLine.catch(() => undefined);
  return { child, firstLine, finished };
}

export function kadre(argv: readonly string[], options: ProcessOptions = {}): Promise<Finished> {
  return startKadre(argv, options).finished;
}
