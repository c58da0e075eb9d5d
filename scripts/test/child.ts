/**
 * One child process of the test run, in a process group of its own: when its time is up, or the run
 * is interrupted, the whole group goes, so that no node of an end-to-end test outlives it.
 */
import { type ChildProcess, spawn } from 'node:child_process';

export interface ChildResult {
  /** `status N`, `signal NAME`, or `time` when its time was up. */
  readonly end: string;
  readonly output: string;
}

export interface ChildOptions {
  readonly cwd: string;
  readonly timeoutMs: number;
  /** Sees every whole line as it comes; without it the output is only collected. */
  readonly onLine?: (line: string) => void;
}

const OUTPUT_CHARACTERS_MAX = 4_000_000;
const running = new Set<ChildProcess>();

/** Variables of the npm script that started the run: the programs under test must not see them. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(
    ([name]) => !/^(?:npm_|INIT_CWD$|NODE_TEST_CONTEXT$|NODE_OPTIONS$|NODE_CHANNEL)/.test(name),
  );
  return { ...Object.fromEntries(entries), NO_COLOR: '1' };
}

export function runChild(
  command: string,
  args: readonly string[],
  options: ChildOptions,
): Promise<ChildResult> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  running.add(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    let rest = '';
    stream.setEncoding('utf8').on('data', (text: string) => {
      if (output.length < OUTPUT_CHARACTERS_MAX) output += text;
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) options.onLine?.(line);
    });
    stream.on('end', () => rest !== '' && options.onLine?.(rest));
  }
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    killGroup(child);
  }, options.timeoutMs);
  return new Promise((resolve) => {
    const finish = (end: string) => {
      clearTimeout(timer);
      running.delete(child);
      // Whatever it started and left behind ends with it.
      killGroup(child);
      resolve({ end: isLate ? 'time' : end, output });
    };
    child.on('error', (error) => finish(`error ${error.message}`));
    child.on('close', (status, signal) =>
      finish(signal === null ? `status ${status}` : `signal ${signal}`),
    );
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // The group is already gone.
  }
}

export function killAllChildren(): void {
  for (const child of running) killGroup(child);
}
