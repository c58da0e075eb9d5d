/**
 * Runs one program of examples/ on a swarm of its own: five node processes on loopback, gone with
 * the program. With KADRE_NETWORK set it runs on that network instead.
 *
 *   npm run example -- NAME [ARGUMENTS]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import path from 'node:path';
import { stderrLogger } from '../node/cli/output.ts';
import { callerFolder } from '../node/cli/parse-arguments.ts';
import { startLab } from '../node/lab/lab.ts';

const ROOT = path.dirname(import.meta.dirname);
const NODES = 5;

async function main(name: string | undefined, words: readonly string[]): Promise<number> {
  const names = globSync('*.ts', { cwd: path.join(ROOT, 'examples') }).sort();
  const file = names.find((each) => each === `${name}.ts`);
  if (file === undefined) {
    console.error(`examples: ${names.map((each) => each.replace(/\.ts$/, '')).join(', ')}`);
    return 2;
  }
  const leaving = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => leaving.abort());
  const given = process.env.KADRE_NETWORK;
  const lab = given === undefined ? await startSwarm(leaving.signal) : undefined;
  try {
    const program = path.join(ROOT, 'examples', file);
    const child = spawn(process.execPath, ['--conditions=kadre-source', program, ...words], {
      cwd: callerFolder(),
      env: { ...process.env, KADRE_NETWORK: lab?.networkFile ?? given },
      stdio: 'inherit',
    });
    const [status] = await once(child, 'close');
    return status ?? 1;
  } finally {
    await lab?.stop();
  }
}

function startSwarm(signal: AbortSignal) {
  console.error(`example: starting ${NODES} nodes on loopback`);
  return startLab({
    entry: path.join(ROOT, 'node', 'lab', 'node-main.ts'),
    behaviours: Array<null>(NODES).fill(null),
    seed: 1,
    logLevel: 'error',
    log: stderrLogger(process.stderr, 'warn'),
    signal,
  });
}

const [name, ...words] = process.argv.slice(2);
process.exitCode = await main(name, words);
