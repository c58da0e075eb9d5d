/**
 * Where an end-to-end test file works: a folder of its own as home, the real binary in it, and no
 * process or file left when the test file ends. Everything awaited has a deadline.
 */
import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Lab, startLab } from '../../node/lab/lab.ts';
import type { Behaviour } from '../../node/lab/lab-order.ts';
import { type Finished, type KadreProcess, startKadre } from './kadre-process.ts';
import { silentLogger } from './real-ports.ts';

/** Far beyond what anything needs: passing it means that something hangs. */
const DEADLINE_MS = 90_000;
const LAB_NODE = fileURLToPath(new URL('../../node/lab/node-main.ts', import.meta.url));

export type JsonObject = Record<string, unknown>;

export class Workplace {
  readonly folder = mkdtempSync(join(tmpdir(), 'kadre-e2e-'));
  readonly #processes: KadreProcess[] = [];
  readonly #labs: Lab[] = [];

  /** Registers its own end: to be made at the top of a test file. */
  constructor() {
    after(() => this.#clear());
  }

  path(...names: string[]): string {
    return join(this.folder, ...names);
  }

  async makeFolder(name: string): Promise<string> {
    await mkdir(this.path(name));
    return this.path(name);
  }

  /** Starts the binary in the folder. */
  start(words: readonly string[]): KadreProcess {
    const process = startKadre(words, {
      cwd: this.folder,
      env: {
        HOME: this.folder,
        INIT_CWD: this.folder,
        XDG_RUNTIME_DIR: this.folder,
        KADRE_DATA: this.path('data'),
      },
    });
    this.#processes.push(process);
    return process;
  }

  /** Runs it to its end. */
  run(words: readonly string[]): Promise<Finished> {
    return within(this.start(words).finished, `the end of kadre ${words.join(' ')}`);
  }

  /** Runs it with `--json`; gives its status and the one object on its stdout. */
  async json(words: readonly string[]): Promise<{ status: number | null; object: JsonObject }> {
    const { status, stdout, stderr } = await this.run([...words, '--json']);
    const lines = stdout.trimEnd().split('\n');
    assert.equal(lines.length, 1, `one line of JSON on stdout: ${stdout}\n${stderr}`);
    return { status, object: JSON.parse(lines[0] ?? '') as JsonObject };
  }

  /** A node of the shipped binary, once it is ready. */
  async up(words: readonly string[]): Promise<{ process: KadreProcess; ready: JsonObject }> {
    const process = this.start(['up', ...words, '--json']);
    const ready = await within(process.firstLine, `readiness of kadre up ${words.join(' ')}`);
    return { process, ready };
  }

  /** Separate node processes on loopback; `dieAt` is the file that tells them where to die. */
  async lab(behaviours: readonly (Behaviour | null)[], dieAt?: string): Promise<Lab> {
    const lab = await startLab({
      entry: LAB_NODE,
      behaviours,
      seed: 1,
      logLevel: 'error',
      log: silentLogger,
      signal: AbortSignal.timeout(DEADLINE_MS),
      ...(dieAt === undefined ? {} : { dieAt }),
    });
    this.#labs.push(lab);
    return lab;
  }

  async #clear(): Promise<void> {
    for (const { child } of this.#processes) child.kill('SIGKILL');
    await Promise.all(this.#processes.map(({ finished }) => finished));
    await Promise.all(this.#labs.map((lab) => lab.stop()));
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** The code in an error object of the command line. */
export function codeOf(object: JsonObject): unknown {
  return (object.error as { code?: unknown } | undefined)?.code;
}

export async function within<T>(
  work: Promise<T>,
  what: string,
  deadlineMs = DEADLINE_MS,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), deadlineMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Asks again until the answer is defined: for facts that announce themselves nowhere. A question
 * that is answered at once leaves the event loop a turn.
 */
export async function eventually<T>(ask: () => Promise<T | undefined>, what: string): Promise<T> {
  const endMs = performance.now() + DEADLINE_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await new Promise((resolve) => void setImmediate(resolve));
    assert.ok(performance.now() < endMs, `never happened: ${what}`);
  }
}

export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
