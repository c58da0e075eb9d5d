/**
 * A headless Chromium with a profile of its own that can reach nothing but this machine: opens one
 * page and is gone again, with all of its processes, when the caller is done.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const ELSEWHERE = ['/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'];

/** `KADRE_CHROMIUM`, or the first that is installed. */
export function findChromium(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const folders = (env.PATH ?? '').split(path.delimiter);
  const named = NAMES.flatMap((name) => folders.map((folder) => path.join(folder, name)));
  const asked = env.KADRE_CHROMIUM;
  return (asked === undefined ? [...named, ...ELSEWHERE] : [asked]).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const FLAGS = [
  '--headless',
  // Its only page is ours, and a container gives no user namespaces to make a sandbox of.
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-quic',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-extensions',
  '--no-first-run',
  '--no-default-browser-check',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];

export interface OpenPage extends AsyncDisposable {
  /** Resolves to what it printed when it ends by itself. */
  readonly ended: Promise<string>;
}

export async function openPage(
  chromium: string,
  url: string,
  flags: readonly string[] = [],
): Promise<OpenPage> {
  const profile = await mkdtemp(path.join(tmpdir(), 'kadre-chromium-'));
  const child = spawn(chromium, [...FLAGS, ...flags, `--user-data-dir=${profile}`, url], {
    stdio: ['ignore', 'pipe', 'ignore'],
    // A group of its own, so that its helpers end with it.
    detached: true,
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  const gone = once(child, 'close');
  return {
    ended: gone.then(() => printed),
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
        process.kill(-child.pid, 'SIGKILL');
      }
      await gone;
      await rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
}
