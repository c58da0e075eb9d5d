/**
 * One point of the enumeration: a lab of real processes, a job under way, a process that dies
 * exactly there and is started again, and what must hold in the end: the job completes, its outputs
 * are right, its certificate is valid, and nobody is blamed.
 */
import assert from 'node:assert/strict';
import { readdir, readFile, rm, watch } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { armKillPoint, type KillPoint, victimFile } from '../../node/lab/kill-points.ts';
import type { Lab, LabNode } from '../../node/lab/lab.ts';
import { sleep } from '../../src/base/signals.ts';
import { systemClock } from '../../src/crypto/node/system-ports.ts';
import { derivePolicy } from '../../src/job/policy.ts';
import { bytesOfArray } from '../../src/kernel/nd-array.ts';
import type { StartedJob } from '../../src/roles/requester.ts';
import { connect } from '../../src/sdk/connect.ts';
import type { Swarm } from '../../src/sdk/types.ts';
import type { SeededRandom } from '../../src/sim/seeded-random.ts';
import { verify } from '../../src/verify.ts';
import { EmbeddedRequester } from './embedded-requester.ts';
import { multiply, wholeMatrix } from './npy-files.ts';
import { eventually, isRunning, within } from './workplace.ts';

/** Who submits: this process, or a node of the lab that may be the one to die. */
export type Submitter = 'client' | 'node';

interface Submission {
  readonly by: Submitter;
  readonly detached?: boolean;
}

export interface PlannedDeath extends KillPoint, Submission {}

/** In the order of a job's life. Every message and every durable write of it appears. */
export const DEATHS: readonly PlannedDeath[] = [
  // members of the cadre
  { by: 'client', when: 'before', what: 'answer convene' },
  { by: 'client', when: 'after', what: 'answer convene' },
  { by: 'client', when: 'before', what: 'answer open' },
  { by: 'client', when: 'after', what: 'create plan' },
  { by: 'client', when: 'after', what: 'answer open' },
  { by: 'client', when: 'before', what: 'write plan' },
  { by: 'client', when: 'after', what: 'write plan' },
  { by: 'client', when: 'after', what: 'write plan', nth: 2 },
  { by: 'client', when: 'after', what: 'write plan', nth: 4 },
  { by: 'client', when: 'before', what: 'send proposal' },
  { by: 'client', when: 'after', what: 'send proposal' },
  { by: 'client', when: 'before', what: 'send vote' },
  { by: 'client', when: 'after', what: 'send vote' },
  { by: 'client', when: 'before', what: 'send commit' },
  { by: 'client', when: 'after', what: 'send commit' },
  { by: 'client', when: 'after', what: 'hear commit' },
  { by: 'client', when: 'before', what: 'send closed' },
  { by: 'client', when: 'after', what: 'send closed' },
  { by: 'client', when: 'before', what: 'send outcome' },
  { by: 'client', when: 'after', what: 'send outcome' },
  { by: 'client', when: 'before', what: 'answer certificate' },
  { by: 'client', when: 'after', what: 'answer certificate' },
  // workers
  { by: 'client', when: 'before', what: 'answer assign' },
  { by: 'client', when: 'after', what: 'answer assign' },
  { by: 'client', when: 'before', what: 'write work' },
  { by: 'client', when: 'after', what: 'write work' },
  { by: 'client', when: 'before', what: 'send seal' },
  { by: 'client', when: 'after', what: 'send seal' },
  { by: 'client', when: 'before', what: 'hear closed' },
  { by: 'client', when: 'after', what: 'hear closed' },
  { by: 'client', when: 'before', what: 'send reveal' },
  { by: 'client', when: 'after', what: 'send reveal' },
  { by: 'client', when: 'before', what: 'answer reveal' },
  { by: 'client', when: 'before', what: 'answer blob' },
  { by: 'client', when: 'after', what: 'answer blob' },
  { by: 'client', when: 'before', what: 'remove work' },
  // holders of a detached job's inputs
  { by: 'client', detached: true, when: 'before', what: 'answer hold' },
  { by: 'client', detached: true, when: 'after', what: 'answer hold' },
  // requesters that are nodes
  { by: 'node', when: 'after', what: 'write job' },
  { by: 'node', when: 'before', what: 'send convene' },
  { by: 'node', when: 'after', what: 'send convene' },
  { by: 'node', when: 'before', what: 'write job', nth: 2 },
  { by: 'node', when: 'after', what: 'write job', nth: 2 },
  { by: 'node', when: 'before', what: 'send open' },
  { by: 'node', when: 'after', what: 'send open' },
  { by: 'node', when: 'before', what: 'send assign' },
  { by: 'node', when: 'after', what: 'send assign' },
  { by: 'node', when: 'before', what: 'write job', nth: 3 },
  { by: 'node', when: 'after', what: 'write job', nth: 3 },
  { by: 'node', when: 'before', what: 'hear outcome' },
  { by: 'node', when: 'before', what: 'send certificate' },
  { by: 'node', when: 'after', what: 'send certificate' },
  { by: 'node', when: 'before', what: 'write job', nth: 4 },
  { by: 'node', when: 'after', what: 'write job', nth: 4 },
  { by: 'node', detached: true, when: 'before', what: 'send hold' },
  { by: 'node', detached: true, when: 'after', what: 'send hold' },
];

/** Deaths of anybody at any moment: each victim is back before the next one dies. */
export interface RandomDeaths {
  readonly by: Submitter;
  readonly detached: boolean;
  /** Who, by place in the lab, and how long after the submission or the last return. */
  readonly kills: readonly { readonly node: number; readonly afterMs: number }[];
}

export function drawDeaths(random: SeededRandom, nodes: number): RandomDeaths {
  const kill = () => ({ node: random.integer(nodes), afterMs: random.integer(900) });
  return {
    by: random.pick(['client', 'node'] as const),
    detached: random.pick([false, true]),
    kills: Array.from({ length: 1 + random.integer(3) }, kill),
  };
}

export const nameOf = ({ by, detached, when, what, nth }: PlannedDeath): string =>
  `${by}${detached ? ', detached' : ''}: ${when} ${what}${nth === undefined ? '' : ` (${nth})`}`;

const [a, b] = [wholeMatrix(96, 64, 5), wholeMatrix(64, 48, 7)];
const PRODUCT = bytesOfArray(multiply(a, b));
/** The default policy's time to reveal, less what a connection needs. */
const REVEAL_MS = derivePolicy().revealMs - 1_500;
const WORK = { inputs: { a, b }, shards: 12 };

export class KillLab {
  readonly dieAt: string;
  #lab: Lab;
  #nodes: LabNode[];

  constructor(lab: Lab, dieAt: string) {
    this.#lab = lab;
    this.#nodes = [...lab.nodes];
    this.dieAt = dieAt;
  }

  /** Who died. Rejects when the job did not complete as it must. */
  async run(death: PlannedDeath): Promise<LabNode> {
    await rm(victimFile(this.dieAt), { force: true });
    const client = await EmbeddedRequester.start(this.#lab.networkFile);
    try {
      armKillPoint(this.dieAt, death);
      const id = await this.#submit(client, death);
      const victim = await this.#awaitDeath(death);
      const awayMs = await this.#revive(victim);
      const started = await this.#found(client, id);
      // Who is away for longer than a worker has to reveal did not reveal in time.
      await checkJob(started, awayMs < REVEAL_MS ? [] : [victim.peerId]);
      return victim;
    } finally {
      await rm(this.dieAt, { force: true });
      await client.close();
    }
  }

  /** `kill -9` of whole processes, whatever they are at. Rejects like `run`. */
  async runRandom({ by, detached, kills }: RandomDeaths): Promise<void> {
    const client = await EmbeddedRequester.start(this.#lab.networkFile);
    try {
      const id = await this.#submit(client, { by, detached });
      const late: string[] = [];
      for (const { node, afterMs } of kills) {
        await sleep(systemClock, afterMs);
        const victim = this.#nodes[node]!;
        process.kill(victim.pid, 'SIGKILL');
        await ended(victim.pid);
        if ((await this.#revive(victim)) >= REVEAL_MS) late.push(victim.peerId);
      }
      await checkJob(await this.#found(client, id), late);
    } finally {
      await client.close();
    }
  }

  /** The id of a job that is under way. A node that dies while it is asked has told its id. */
  async #submit(client: EmbeddedRequester, { by, detached = false }: Submission) {
    if (by === 'client') return client.submit('gemm.f32@1', WORK, { detached });
    const [node] = this.#nodes;
    const before = new Set(await recordsOf(node!));
    await using swarm = await this.#through(node!);
    const submitting = swarm.submit('gemm.f32@1', WORK, { detached });
    submitting.catch(() => undefined);
    return await awaitFile(join(node!.dataDir, 'jobs'), async () => {
      return (await recordsOf(node!)).find((name) => !before.has(name));
    });
  }

  async #through(node: LabNode): Promise<Swarm> {
    const token = (await readFile(node.tokenFile, 'utf8')).trim();
    return connect({ api: node.api, token });
  }

  async #awaitDeath(death: PlannedDeath): Promise<LabNode> {
    const file = victimFile(this.dieAt);
    const dying = awaitFile(dirname(file), async () => {
      return Number(await readFile(file, 'utf8').catch(() => '')) || undefined;
    });
    const pid = await within(dying, `a death ${nameOf(death)}`);
    await ended(pid);
    const victim = this.#nodes.find((node) => node.pid === pid);
    assert.ok(victim !== undefined, `${pid} is a node of the lab`);
    return victim;
  }

  /** For how long it was away. */
  async #revive(victim: LabNode): Promise<number> {
    const diedMs = performance.now();
    const again = await this.#lab.revive(victim);
    assert.equal(again.peerId, victim.peerId);
    this.#nodes = this.#nodes.map((node) => (node === victim ? again : node));
    return performance.now() - diedMs;
  }

  /** By its id: a job may be announced a moment after somebody asks for it. */
  async #found(client: EmbeddedRequester, id: string): Promise<StartedJob> {
    return eventually(
      () => client.requester.pickUp(id).catch(() => undefined),
      `the job ${id.slice(0, 8)}`,
    );
  }
}

/** Right outputs, a valid certificate, every shard once, and nobody blamed for dying. */
async function checkJob({ job, finished }: StartedJob, late: readonly string[]): Promise<void> {
  const { outputs, results, outcome } = await within(finished, 'the result');
  assert.deepEqual(Buffer.from(outputs[0]!), Buffer.from(PRODUCT));
  const verdict = await verify(results.certificate!, { jobId: job.id });
  assert.ok(verdict.valid);
  assert.equal(new Set(results.pieces.map(({ region }) => region.offset.join())).size, 12);
  const blamed = outcome.disputes.filter(
    ({ peer, kind }) => kind !== 'withheld' || !late.includes(peer),
  );
  assert.deepEqual(blamed, []);
}

async function ended(pid: number): Promise<void> {
  await eventually(async () => {
    // The loop must turn: until this process has seen its child's end, the pid lives on.
    await new Promise(setImmediate);
    return !isRunning(pid) || undefined;
  }, `the end of ${pid}`);
}

/** Looks whenever something in the folder changes. */
async function awaitFile<T>(folder: string, look: () => Promise<T | undefined>): Promise<T> {
  const stop = new AbortController();
  const changes = watch(folder, { signal: stop.signal })[Symbol.asyncIterator]();
  try {
    for (;;) {
      const change = changes.next();
      change.catch(() => undefined);
      const found = await look();
      if (found !== undefined) return found;
      await change;
    }
  } finally {
    stop.abort();
  }
}

async function recordsOf(node: LabNode): Promise<string[]> {
  const files = await readdir(join(node.dataDir, 'jobs')).catch(() => []);
  return files.filter((name) => /^[0-9a-f]{64}\.job$/.test(name)).map((name) => name.slice(0, 64));
}
