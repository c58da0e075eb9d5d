/**
 * Runs one program of examples/ where the caller stands: one that asks for a network on a swarm of
 * its own, five node processes on loopback that are gone with it. With KADRE_NETWORK set it runs on
 * that network instead.
 *
 *   npm run example -- NAME [ARGUMENTS]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { exitOf, stderrLogger } from '../node/cli/output.ts';
import { callerFolder } from '../node/cli/parse-arguments.ts';
import { startLab } from '../node/lab/lab.ts';
import { KadreError } from '../src/base/errors.ts';

const EXAMPLES = path.join(path.dirname(import.meta.dirname), 'examples');
const LAB_NODE = path.join(EXAMPLES, '..', 'node', 'lab', 'node-main.ts');
const NODES = 5;

async function main(name: string | undefined, words: readonly string[]): Promise<number> {
  const names = globSync('*.ts', { cwd: EXAMPLES }).map((file) => file.replace(/\.ts$/, ''));
  if (name === undefined || !names.includes(name)) {
    console.error(name === undefined ? 'which example?' : `there is no example ${name}`);
    console.error(`npm run example -- NAME, one of: ${names.sort().join(', ')}`);
    return exitOf('USAGE');
  }
  const program = path.join(EXAMPLES, `${name}.ts`);
  const leaving = new AbortController();
  const leave = () => leaving.abort(new KadreError({ code: 'INTERRUPTED' }, 'interrupted'));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, leave);
  try {
    const needsSwarm = readFileSync(program, 'utf8').includes('KADRE_NETWORK');
    if (!needsSwarm || process.env.KADRE_NETWORK !== undefined) {
      return await run([program, ...words], process.env, leaving.signal);
    }
    await using swarm = await startSwarm(leaving.signal);
    const env = { ...process.env, KADRE_NETWORK: swarm.networkFile };
    return await run([program, ...words], env, leaving.signal);
  } catch (cause) {
    if (!leaving.signal.aborted) throw cause;
    return exitOf('INTERRUPTED');
  }
}

async function startSwarm(signal: AbortSignal): Promise<AsyncDisposable & { networkFile: string }> {
  console.error(`example: starting ${NODES} nodes on loopback`);
  const lab = await startLab({
    entry: LAB_NODE,
    behaviours: Array<null>(NODES).fill(null),
    seed: 1,
    logLevel: 'error',
    log: stderrLogger(process.stderr, 'warn'),
    signal,
  });
  return { networkFile: lab.networkFile, [Symbol.asyncDispose]: () => lab.stop() };
}

/** Its exit status; the program gets the signals that this process gets. */
async function run(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<number> {
  signal.throwIfAborted();
  const child = spawn(process.execPath, ['--conditions=kadre-source', ...argv], {
    cwd: callerFolder(),
    env,
    stdio: 'inherit',
  });
  signal.addEventListener('abort', () => child.kill('SIGTERM'));
  const [status] = await once(child, 'close');
  return status ?? exitOf('INTERRUPTED');
}

const [name, ...words] = process.argv.slice(2);
process.exitCode = await main(name, words);
