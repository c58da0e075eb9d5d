/**
 * Nodes that are killed without warning while a job runs: one member of the cadre and any worker
 * are not missed; with two members gone the job waits, and goes on when one returns to its data.
 */
import assert from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import type { Lab, LabNode } from '../../node/lab/lab.ts';
import { connect } from '../../src/sdk/connect.ts';
import type { JobHandle, Swarm } from '../../src/sdk/types.ts';
import { verify } from '../../src/verify.ts';
import { eventually, isRunning, Workplace, within } from '../support/workplace.ts';

const place = new Workplace();
const NODES = 7;

let lab: Lab;
before(async () => {
  lab = await startSlowLab();
});

/** All but the first are three seconds late with every result: what is claimed is under way. */
function startSlowLab(): Promise<Lab> {
  return place.lab([null, ...Array<'slow'>(NODES - 1).fill('slow')]);
}

/** The first wave is claimed and not yet sealed. */
const firstWave = (_members: readonly string[], claimed: readonly string[]) =>
  claimed.length >= NODES - 2;

interface Started {
  readonly job: JobHandle;
  readonly members: readonly string[];
  readonly claimed: readonly string[];
}

/** A job under way, as soon as its claims are what the test wants to strike at. */
async function startJob(swarm: Swarm, isReady = firstWave): Promise<Started> {
  const job = await swarm.submit('noop@1', { shards: 24 });
  let members: readonly string[] = [];
  const claimed: string[] = [];
  for await (const event of job.events()) {
    if (event.type === 'convened') members = event.members;
    if (event.type === 'claimed') claimed.push(event.peer);
    if (isReady(members, claimed)) break;
  }
  assert.equal(members.length, 4);
  // A cadre that loses two members before it is open is replaced; only an open one waits for them.
  const isOpen = async () => (await job.describe()).stage === 'computing' || undefined;
  await eventually(isOpen, 'an open cadre');
  return { job, members, claimed };
}

const nodeOf = (peer: string | undefined): LabNode => {
  const node = lab.nodes.find(({ peerId }) => peerId === peer);
  assert.ok(node !== undefined, `${peer} is a node of the lab`);
  return node;
};

const kill = (node: LabNode) => process.kill(node.pid, 'SIGKILL');

/** Until a member has its plan on disk it has nothing to return to. */
async function holdsSeat(node: LabNode): Promise<void> {
  await eventually(async () => {
    const folder = join(node.dataDir, 'plans');
    const logs = await readdir(folder).catch(() => []);
    for (const log of logs) if ((await stat(join(folder, log))).size > 0) return true;
    return undefined;
  }, `a plan log of ${node.peerId}`);
}

/** The shipped node on what the killed one left. */
async function revive(node: LabNode): Promise<void> {
  const listen = node.addrs[0]!.replace(/\/p2p\/.*$/, '');
  const where = ['--data', node.dataDir, '--network', lab.networkFile, '--listen', listen];
  const { ready } = await place.up(where);
  assert.equal(ready.peerId, node.peerId);
}

/** Gives who signed. */
async function checkEnd(job: JobHandle): Promise<readonly string[]> {
  const { certificate, outputs } = await within(job.result(), 'the result');
  assert.ok(certificate !== null);
  const verdict = await verify(certificate, { outputs, jobId: job.id });
  assert.ok(verdict.valid);
  return verdict.cadre.signers;
}

test('a job survives the death of a member of its cadre', async () => {
  await using swarm = await connect({ network: lab.networkFile });
  const { job, members } = await startJob(swarm);
  const victim = nodeOf(members[1]);
  kill(victim);
  await checkEnd(job);
  await revive(victim);
});

test('a job survives the death of a worker', async () => {
  await using swarm = await connect({ network: lab.networkFile });
  // Not the one that was killed before: it lives on in another process.
  const whole = lab.nodes.filter(({ pid }) => isRunning(pid)).map(({ peerId }) => peerId);
  const pick = (members: readonly string[], claimed: readonly string[]) =>
    claimed.find((peer) => whole.includes(peer) && !members.includes(peer));
  // Who claims first is chance: the first claims may all be those of members.
  const { job, members, claimed } = await startJob(swarm, (...seen) => pick(...seen) !== undefined);
  const victim = nodeOf(pick(members, claimed));
  kill(victim);
  await checkEnd(job);
  await revive(victim);
});

test('with two members gone a job waits until one returns to its data', async () => {
  await lab.stop();
  lab = await startSlowLab();
  await using swarm = await connect({ network: lab.networkFile });
  const { job, members } = await startJob(swarm);
  const [first, second] = [nodeOf(members[0]), nodeOf(members[1])];
  await holdsSeat(first);
  kill(first);
  kill(second);
  await revive(first);
  const signers = await checkEnd(job);
  assert.ok(signers.includes(first.peerId), 'two of four cannot certify without it');
});
