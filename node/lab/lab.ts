/**
 * A swarm of separate node processes on loopback: each with its own data directory in one temporary
 * folder, a random network id and no discovery beyond its first node (contract.md, "Lab").
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { KadreError } from '../../src/base/errors.ts';
import type { Logger, LogLevel } from '../../src/base/ports.ts';
import { randomToken } from '../../src/crypto/node/secret.ts';
import { errorOfJson } from '../../src/sdk/api-client.ts';
import { writeFilesAtomic } from '../../src/store/atomic-file.ts';
import type { NetworkFile } from '../../src/swarm/network-file.ts';
import { NodeState, stateFile } from '../node-state.ts';
import type { ReadyLine } from '../serve-node.ts';
import type { Behaviour, LabOrder } from './lab-order.ts';

export interface LabNode {
  readonly peerId: string;
  readonly addrs: readonly string[];
  readonly api: string;
  readonly tokenFile: string;
  readonly dataDir: string;
  readonly pid: number;
  readonly behaviour: Behaviour | null;
}

export interface LabInit {
  /** The entry each process runs. */
  readonly entry: string;
  /** One per node. */
  readonly behaviours: readonly (Behaviour | null)[];
  readonly seed: number;
  readonly logLevel: LogLevel;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Every node looks into this file for the point at which to die (kill-points.ts). */
  readonly dieAt?: string;
}

export interface Lab {
  readonly folder: string;
  readonly networkFile: string;
  readonly nodes: readonly LabNode[];
  readonly seed: number;
  /** Starts a node that has ended once more, on its data and its port. */
  revive(node: LabNode): Promise<LabNode>;
  /** Stops every process and removes the folder; idempotent. */
  stop(): Promise<void>;
}

const ANY_PORT = '/ip4/127.0.0.1/tcp/0';
const READY_MS = 30_000;
/** Nodes drain within this long of losing their parent's pipe; then they are killed. */
const STOP_MS = 3000;
/** Of each node: a lab is small, and its folder goes when it ends. */
const STORE_BYTES = 8 * 2 ** 30;
const LOG_TAIL_CHARACTERS = 2000;

/** Errors: whatever a node failed with, INTERRUPTED, TIMEOUT, DISK_FAILED. */
export async function startLab(init: LabInit): Promise<Lab> {
  const folder = await mkdtemp(join(tmpdir(), 'kadre-lab-'));
  const networkFile = join(folder, 'network.json');
  const id = `lab-${randomToken()
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '')
    .slice(0, 16)}`;
  const children: ChildProcess[] = [];
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= stopAll(children, folder);
    return stopping;
  };
  const place = { folder, networkFile, children, init };
  const start = (index: number) => startNode({ ...place, index });
  const revive = (node: LabNode) => {
    const index = nodes.findIndex(({ peerId }) => peerId === node.peerId);
    const listen = node.addrs[0]!.replace(/\/p2p\/.*$/, '');
    // The signal was for the lab's start, and may be long over.
    const signal = AbortSignal.timeout(READY_MS);
    return startNode({ ...place, index, listen, init: { ...init, signal } });
  };
  let nodes: readonly LabNode[] = [];
  try {
    await writeNetwork(networkFile, id, []);
    const first = await start(0);
    await writeNetwork(networkFile, id, [first]);
    await shareSpeeds(first.dataDir, folder, init.behaviours.length);
    const others = await Promise.all(init.behaviours.slice(1).map((_, i) => start(i + 1)));
    nodes = [first, ...others];
    await writeNetwork(networkFile, id, nodes);
    return { folder, networkFile, nodes, seed: init.seed, revive, stop };
  } catch (cause) {
    await stop();
    throw cause;
  }
}

function writeNetwork(file: string, id: string, nodes: readonly LabNode[]): Promise<void> {
  // All of them, the honest first: a client knows the whole lab as soon as it has joined.
  const honestFirst = nodes.toSorted(
    (a, b) => Number(a.behaviour !== null) - Number(b.behaviour !== null),
  );
  const network: Omit<NetworkFile, 'admission' | 'policy'> = {
    v: 1,
    name: 'lab',
    id,
    bootstrap: honestFirst.flatMap((node) => node.addrs.slice(0, 1)),
  };
  return writeFilesAtomic([{ file, parts: [`${JSON.stringify(network, null, 2)}\n`] }]);
}

/**
 * All nodes run on this machine, so the first one, alone here, measures for all. Measured while the
 * others start too, they would differ a thousandfold by accident, and placement would follow.
 */
async function shareSpeeds(from: string, folder: string, nodes: number): Promise<void> {
  const { measured, speeds } = (await NodeState.load(stateFile(from))).measurement;
  for (let index = 1; index < nodes; index++) {
    const dataDir = join(folder, `node-${index}`);
    await mkdir(dataDir, { mode: 0o700 });
    const state = await NodeState.load(stateFile(dataDir));
    state.update({ measured, speeds });
    await state.flush();
  }
}

interface NodeStart {
  readonly index: number;
  readonly folder: string;
  readonly networkFile: string;
  readonly children: ChildProcess[];
  readonly init: LabInit;
  readonly listen?: string;
}

async function startNode(start: NodeStart): Promise<LabNode> {
  const { index, folder, networkFile, children, init, listen = ANY_PORT } = start;
  const behaviour = init.behaviours[index] ?? null;
  const dataDir = join(folder, `node-${index}`);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const order: LabOrder = {
    v: 1,
    index,
    behaviour,
    seed: init.seed,
    dieAt: init.dieAt,
    settings: {
      dataDir,
      network: networkFile,
      listen: [listen],
      bootstrap: [],
      roles: 'worker,cadre',
      share: 1,
      storeBytes: STORE_BYTES,
      // A context per node would fill the GPU before the nodes are up.
      gpu: false,
      mdns: false,
      upnp: false,
      announce: [],
      api: '127.0.0.1:0',
      logLevel: init.logLevel,
    },
  };
  const logFile = join(folder, `node-${index}.log`);
  const log = await open(logFile, 'a');
  const arguments_ = [init.entry, JSON.stringify(order)];
  const child = spawn(process.execPath, arguments_, { stdio: ['pipe', 'pipe', log.fd] });
  await log.close();
  children.push(child);
  // Its end is the child's signal to go; writing to it never happens, so errors mean nothing.
  child.stdin?.on('error', () => undefined);
  const ready = await awaitReady(child, logFile, init.signal);
  child.once('exit', (code, signal) =>
    init.log.log('info', 'lab-node-ended', { index, code, signal }),
  );
  const { peerId, addrs, api, tokenFile } = ready;
  return { peerId, addrs, api, tokenFile, dataDir, pid: child.pid ?? 0, behaviour };
}

/** The first line of a node's stdout is its ready line or its error. */
async function awaitReady(
  child: ChildProcess,
  logFile: string,
  signal: AbortSignal,
): Promise<ReadyLine> {
  const patience = AbortSignal.any([signal, AbortSignal.timeout(READY_MS)]);
  const lines = createInterface({ input: child.stdout!, signal: patience });
  try {
    const line = await new Promise<string | undefined>((resolve, reject) => {
      lines.once('line', resolve);
      lines.once('close', () => resolve(undefined));
      child.once('error', reject);
    });
    // Whatever else it prints must not block it.
    child.stdout?.resume();
    const value = line === undefined ? undefined : (JSON.parse(line) as Record<string, unknown>);
    if (value?.event === 'ready') return value as unknown as ReadyLine;
    const error = errorOfJson(value?.error);
    if (error !== undefined) throw error;
  } catch (cause) {
    if (cause instanceof KadreError) throw cause;
  }
  if (signal.reason instanceof KadreError) throw signal.reason;
  const tail = (await readFile(logFile, 'utf8').catch(() => '')).slice(-LOG_TAIL_CHARACTERS).trim();
  throw new KadreError({ code: 'INTERNAL' }, `a lab node did not start: ${tail || 'no output'}`);
}

async function stopAll(children: readonly ChildProcess[], folder: string): Promise<void> {
  const running = children.filter((child) => child.exitCode === null && child.signalCode === null);
  const ends = running.map((child) => once(child, 'exit').catch(() => undefined));
  for (const child of running) child.stdin?.destroy();
  const timer = setTimeout(() => {
    for (const child of running) child.kill('SIGKILL');
  }, STOP_MS);
  await Promise.all(ends);
  clearTimeout(timer);
  await rm(folder, { recursive: true, force: true });
}
