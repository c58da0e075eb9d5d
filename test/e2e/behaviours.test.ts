/**
 * Nodes that misbehave in every way the lab knows: the job completes, and what is said about each
 * is what it did. (`wrong-result` and `crash` walk the command line in certified-job.test.ts.)
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Behaviour } from '../../node/lab/lab-order.ts';
import { connect } from '../../src/sdk/connect.ts';
import type { JobResult } from '../../src/sdk/types.ts';
import { verify } from '../../src/verify.ts';
import { type Matrix, multiply, wholeMatrix } from '../support/npy-files.ts';
import { Workplace, within } from '../support/workplace.ts';

const place = new Workplace();
const [a, b] = [wholeMatrix(64, 48, 3), wholeMatrix(48, 64, 11)];

/** What was said about the nodes, by behaviour; `honest` must stay empty. */
type Said = Readonly<Partial<Record<Behaviour | 'honest', readonly string[]>>>;

/** A product on seven nodes, the last ones bad; two bad ones leave each shard an honest quorum. */
async function runAmong(behaviours: readonly Behaviour[]): Promise<Said> {
  const honest = Array<null>(7 - behaviours.length).fill(null);
  const lab = await place.lab([...honest, ...behaviours]);
  await using swarm = await connect({ network: lab.networkFile });
  const job = await swarm.submit('gemm.f32@1', { inputs: { a, b }, shards: 40 });
  const result = await within(job.result(), `a job among ${behaviours}`);
  await checkResult(result, { a, b });
  const said: Partial<Record<Behaviour | 'honest', string[]>> = {};
  const { disputes, retries } = result.summary;
  const remarks = [
    ...disputes.map(({ peer, kind }) => ({ peer, what: kind })),
    ...retries.map(({ peer, reason }) => ({ peer, what: reason })),
  ];
  for (const { peer, what } of remarks) {
    const behaviour = lab.nodes.find((node) => node.peerId === peer)?.behaviour ?? 'honest';
    said[behaviour] = [...new Set([...(said[behaviour] ?? []), what])].sort();
  }
  await lab.stop();
  return said;
}

async function checkResult(result: JobResult, inputs: { a: Matrix; b: Matrix }): Promise<void> {
  const { outputs, certificate } = result;
  assert.deepEqual(outputs.c?.data, multiply(inputs.a, inputs.b).data);
  assert.ok(certificate !== null);
  const verdict = await verify(certificate, { inputs: { ...inputs }, outputs });
  assert.equal(verdict.valid, true);
}

test('a silent node is passed over, a copying one is caught', async () => {
  const { silent, copy, honest } = await runAmong(['silent', 'copy']);
  assert.deepEqual(silent, ['overdue']);
  assert.ok(
    copy?.every((what) => what === 'wrong-result' || what === 'withheld'),
    `${copy}`,
  );
  assert.equal(honest, undefined);
});

test('two seals for one shard are equivocation, a seal never opened is withheld', async () => {
  const { equivocate, withhold, honest } = await runAmong(['equivocate', 'withhold']);
  assert.ok(equivocate?.includes('equivocation'), `${equivocate}`);
  assert.deepEqual(withhold, ['withheld']);
  assert.equal(honest, undefined);
});

test('a slow node is waited for, and nobody is blamed', async () => {
  assert.deepEqual(await runAmong(['slow']), {});
});
