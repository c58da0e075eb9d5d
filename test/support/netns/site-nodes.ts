/** The real binary on the sites of a test's internet; everything awaited has a deadline. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Internet } from './internet.ts';

const MAIN = fileURLToPath(new URL('../../../node/main.ts', import.meta.url));
const READY_MS = 30_000;
const LOGGED_MS = 30_000;
const FINISHED_MS = 90_000;

export interface Ready {
  readonly peerId: string;
  readonly addrs: readonly string[];
}

export class SiteNodes {
  readonly #internet: Internet;
  readonly #folder: string;
  readonly #children: ChildProcess[] = [];
  readonly #logs = new Map<string, LogLines>();

  constructor(internet: Internet, folder: string) {
    this.#internet = internet;
    this.#folder = folder;
  }

  /** `up` with its data in `data-NAME` and the network of net.json, to its ready line. */
  async up(site: string, argv: readonly string[], name = site): Promise<Ready> {
    const common = ['--json', '--log', 'info', '--network', 'net.json', '--data', `data-${name}`];
    const child = this.#spawn(site, ['up', ...common, '--no-upnp', ...argv]);
    this.#logs.set(name, new LogLines(child));
    const lines = createInterface({ input: child.stdout! });
    const [line] = await once(lines, 'line', { signal: AbortSignal.timeout(READY_MS) });
    return JSON.parse(line);
  }

  /** Resolves when a line of a node's log, also an earlier one, says all of this. */
  logged(name: string, ...words: readonly string[]): Promise<void> {
    return this.#logs.get(name)!.says(words, AbortSignal.timeout(LOGGED_MS));
  }

  /** A command to its end. */
  async run(site: string, argv: readonly string[]) {
    const child = this.#spawn(site, argv);
    let [stdout, stderr] = ['', ''];
    child.stdout!.on('data', (text) => {
      stdout += text;
    });
    child.stderr!.on('data', (text) => {
      stderr += text;
    });
    const [status] = await once(child, 'close', { signal: AbortSignal.timeout(FINISHED_MS) });
    return { status: status as number | null, stdout, stderr };
  }

  /** Kills what still runs. */
  stop(): void {
    for (const child of this.#children) child.kill('SIGKILL');
  }

  #spawn(site: string, argv: readonly string[]): ChildProcess {
    const node = [process.execPath, '--disable-warning=ExperimentalWarning', MAIN, ...argv];
    const [program, rest] = this.#internet.on(site, node);
    const child = spawn(program, rest, { cwd: this.#folder, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#children.push(child);
    return child;
  }
}

/** Everything that a process wrote to stderr, as lines. */
class LogLines extends EventTarget {
  readonly #lines: string[] = [];

  constructor(child: ChildProcess) {
    super();
    createInterface({ input: child.stderr! }).on('line', (line) => {
      this.#lines.push(line);
      this.dispatchEvent(new Event('line'));
    });
  }

  says(words: readonly string[], signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const isSaid = this.#lines.some((line) => words.every((word) => line.includes(word)));
        if (isSaid) resolve();
      };
      const late = () => reject(new Error(`nobody said ${words}: ${this.#lines.join('\n')}`));
      signal.addEventListener('abort', late, { once: true });
      this.addEventListener('line', look);
      look();
    });
  }
}
