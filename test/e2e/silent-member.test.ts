/**
 * Members that are killed for good, one after the other, while a job runs: the seat of the first
 * goes to another node, so that the cadre can lose a second one and still certify.
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import type { Lab } from '../../node/lab/lab.ts';
import { NodeState, stateFile } from '../../node/node-state.ts';
import { connect } from '../../src/sdk/connect.ts';
import type { JobEvent } from '../../src/sdk/types.ts';
import { verify } from '../../src/verify.ts';
import { Workplace, within } from '../support/workplace.ts';

const place = new Workplace();
const NODES = 9;
const KERNEL = 'sha256.search@1';
/** Integer operations of a hash, as the kernel's page counts them. */
const HASH_OPERATIONS = 2_000;
/**
 * Of kernel time: a chunk of a quarter of a second holds one shard, and slow nodes add 3 s to each.
 * What a worker is given eight times over before it is late must cover those.
 */
const SHARD_S = 0.55;
/** Each on two of five workers, eighteen apiece: a minute, twice what a silence takes. */
const SHARDS = 45;
/** On a machine that does much besides. */
const RESULT_MS = 240_000;

let lab: Lab;
before(async () => {
  lab = await place.lab([null, ...Array<'slow'>(NODES - 1).fill('slow')]);
});

/** Nonces of a block that take one of these nodes SHARD_S. */
async function noncesOf(seconds: number): Promise<number> {
  const { speeds } = (await NodeState.load(stateFile(lab.nodes[0]!.dataDir))).measurement;
  return Math.ceil((seconds * speeds[KERNEL]!) / HASH_OPERATIONS);
}

function kill(peer: string | undefined): string {
  const node = lab.nodes.find(({ peerId }) => peerId === peer);
  assert.ok(node !== undefined, `${peer} is a node of the lab`);
  process.kill(node.pid, 'SIGKILL');
  return node.peerId;
}

test('a job outlives two members of a cadre that tolerates one', async () => {
  await using swarm = await connect({ network: lab.networkFile });
  const parameters = { blocks: SHARDS, nonces: await noncesOf(SHARD_S) };
  const work = { parameters, shards: SHARDS };
  const job = await swarm.submit(KERNEL, work, { replicas: 2, quorum: 2 });
  const events = job.events()[Symbol.asyncIterator]();
  const next = async (type: JobEvent['type']) => {
    for (;;) {
      const { value, done } = await within(events.next(), `the event ${type}`);
      assert.ok(done !== true, `the job ended before ${type}`);
      if (value.type === type) return value;
    }
  };
  const convened = await next('convened');
  assert.ok(convened.type === 'convened');
  // Not before it is open: a cadre that is still being seated simply seats another.
  await next('progress');
  const first = kill(convened.members[0]);
  assert.deepEqual(await next('replaced'), { type: 'replaced', peer: first });
  const second = kill(convened.members[1]);
  const { certificate, outputs, summary } = await within(job.result(), 'the result', RESULT_MS);
  // A node of a small swarm has both roles: what the dead had sealed nobody else can open.
  for (const { kind, peer } of summary.disputes) {
    assert.equal(kind, 'withheld');
    assert.ok(peer === first || peer === second, `${peer} lives and is accused`);
  }
  const verdict = await verify(certificate!, { outputs, jobId: job.id });
  assert.ok(verdict.valid, JSON.stringify(verdict));
  const { signers, standIns } = verdict.cadre;
  // The second seat may have been given away too by then.
  assert.ok(standIns.length >= 1 && standIns.length <= 2);
  assert.ok(signers.length >= 3);
  assert.ok(
    signers.some((peer) => standIns.includes(peer)),
    'two alone cannot certify',
  );
  for (const dead of [first, second]) assert.ok(!signers.includes(dead));
});
