/**
 * Hosts in network namespaces of their own, joined by `internet.cc`: routers with NAT, latency and
 * loss, for tests of what a lab on loopback cannot show. Needs root, namespaces and /dev/net/tun.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdirSync, renameSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('internet.cc', import.meta.url));
const FOLDER = fileURLToPath(new URL('../../../build/test', import.meta.url));

export interface Site {
  /** Of one word; the namespace's name is made from it. */
  readonly name: string;
  /** IPv4. Public unless `behind` names the router's public address. */
  readonly address: string;
  readonly behind?: string;
  /** A mapping per destination: no two peers see the same port. */
  readonly symmetric?: boolean;
}

export interface InternetInit {
  readonly sites: readonly Site[];
  readonly latencyMs: number;
  readonly lossPerMille?: number;
}

/** Why no internet can be made here; undefined when it can. */
export function whyNoInternet(): string | undefined {
  if (process.getuid?.() !== 0) return 'not root';
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
    const probe = `kadre-probe-${process.pid}`;
    execFileSync('ip', ['netns', 'add', probe], { stdio: 'pipe' });
    execFileSync('ip', ['netns', 'del', probe], { stdio: 'pipe' });
    compiled();
    return undefined;
  } catch (cause) {
    return (cause as Error).message.split('\n')[0];
  }
}

export class Internet {
  readonly #prefix = `kadre-${process.pid}`;
  readonly #init: InternetInit;
  #router: ChildProcess | undefined;

  constructor(init: InternetInit) {
    this.#init = init;
  }

  async start(): Promise<void> {
    const { sites, latencyMs, lossPerMille = 0 } = this.#init;
    for (const { name } of sites) execFileSync('ip', ['netns', 'add', this.#space(name)]);
    const described = sites.map(({ name, address, behind, symmetric }) => {
      const nat = behind === undefined ? [] : [behind, symmetric ? 'symmetric' : 'nat'];
      return [this.#space(name), address, ...nat].join(',');
    });
    const router = spawn(compiled(), [`${latencyMs}`, `${lossPerMille}`, '1', ...described], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#router = router;
    const [line] = await once(createInterface({ input: router.stdout }), 'line');
    if (line !== 'ready') throw new Error(`the test's internet said ${line}`);
  }

  /** The command as it runs on this site. */
  on(site: string, command: readonly string[]): [string, string[]] {
    return ['ip', ['netns', 'exec', this.#space(site), ...command]];
  }

  /** What one site sends to another is dropped from now on. */
  block(from: string, to: string): void {
    const indexOf = (wanted: string) => this.#init.sites.findIndex(({ name }) => name === wanted);
    this.#router?.stdin?.write(`block ${indexOf(from)} ${indexOf(to)}\n`);
  }

  unblockAll(): void {
    this.#router?.stdin?.write('open\n');
  }

  async stop(): Promise<void> {
    const router = this.#router;
    if (router !== undefined && router.exitCode === null) {
      router.stdin?.end();
      await once(router, 'exit');
    }
    for (const { name } of this.#init.sites) {
      execFileSync('ip', ['netns', 'del', this.#space(name)], { stdio: 'pipe' });
    }
  }

  #space(site: string): string {
    return `${this.#prefix}-${site}`;
  }
}

/** The router program, compiled again when its source is newer. Throws without a C++ compiler. */
function compiled(): string {
  const program = `${FOLDER}/internet`;
  const builtMs = statSync(program, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (builtMs > statSync(SOURCE).mtimeMs) return program;
  mkdirSync(FOLDER, { recursive: true });
  const fresh = `${program}.${process.pid}`;
  execFileSync('g++', ['-std=c++17', '-O1', '-Wall', '-Wextra', '-o', fresh, SOURCE]);
  renameSync(fresh, program);
  return program;
}
