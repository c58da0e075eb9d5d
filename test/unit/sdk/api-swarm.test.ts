import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { toHex } from '../../../src/base/bytes.ts';
import { jobIdOf, jobSpecShape } from '../../../src/job/spec.ts';
import { connectApi } from '../../../src/sdk/api-swarm.ts';
import type { JobResult, SubmitOptions, Swarm, Work } from '../../../src/sdk/types.ts';
import { decodeCanonical, encodeCanonical } from '../../../src/wire/cbor.ts';
import { LIMITS } from '../../../src/wire/limits.ts';
import { makeCertificate } from '../../support/certificate-factory.ts';
import { startFakeApi, TOKEN } from '../../support/fake-api.ts';
import { type FakeNodeInit, makeFakeNode } from '../../support/fake-node.ts';
import { unwrap } from '../../support/job-factory.ts';

const work: Work = { parameters: { items: 64 }, shards: 4 };
const inputs = {
  a: { data: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [2, 3] },
  b: { data: Float32Array.of(1, 0, 0, 1, 1, 1), shape: [3, 2] },
};

async function withSwarm(
  init: FakeNodeInit,
  use: (swarm: Swarm, node: ReturnType<typeof makeFakeNode>) => Promise<void>,
): Promise<void> {
  const node = makeFakeNode(init);
  const api = await startFakeApi(node);
  try {
    await using swarm = await connectApi({ url: api.url, token: TOKEN });
    await use(swarm, node);
  } finally {
    await api.close();
  }
}

/** The code that the result of a job on a lying node fails with. */
async function codeOf(
  bend: (result: JobResult) => JobResult,
  options: SubmitOptions = {},
): Promise<string> {
  let code = 'none';
  await withSwarm({ bend }, async (swarm) => {
    const job = await swarm.submit('noop@1', work, options);
    code = await job.result().then(
      () => 'accepted',
      (error: { code: string }) => error.code,
    );
  });
  return code;
}

test('inputs arrive as they were sent, outputs and certificate come back', async () => {
  await withSwarm({}, async (swarm, node) => {
    const job = await swarm.submit('gemm.f32@1', { inputs, shards: 2 }, { cadre: 4 });
    const { outputs, certificate } = await job.result();
    assert.deepEqual(node.submissions[0]?.work.inputs, inputs);
    assert.equal(outputs.c?.data.length, 4);
    assert.ok(certificate !== null && certificate.length > 0);
  });
});

test('an output with one flipped bit is not accepted', async () => {
  const code = await codeOf((result) => {
    const data = Uint8Array.from(result.outputs.out!.data as Uint8Array);
    data[17]! ^= 1;
    return { ...result, outputs: { out: { data, shape: [64] } } };
  });
  assert.equal(code, 'OUTPUT_MISMATCH');
  const shorter = await codeOf((result) => {
    return { ...result, outputs: { out: { data: new Uint8Array(63), shape: [63] } } };
  });
  assert.equal(shorter, 'OUTPUT_MISMATCH');
});

test('a certificate that is damaged, or valid but of other work, is not accepted', async () => {
  const invalid = 'CERTIFICATE_INVALID';
  const damaged = await codeOf((result) => {
    return { ...result, certificate: result.certificate!.subarray(0, -1) };
  });
  assert.equal(damaged, invalid);
  const other = makeCertificate({ label: 'other', nodes: 10, parameters: { items: 64 } });
  const swap = (result: JobResult) => ({ ...result, certificate: other.bytes });
  assert.equal(await codeOf(swap), invalid, 'another job of the same computation');
});

test('a weaker policy than asked for is not accepted', async () => {
  // The node "forgets" what was asked and runs with its own choice.
  const node = makeFakeNode();
  const { submit } = node.swarm;
  const weak = { ...node, swarm: { ...node.swarm } };
  weak.swarm.submit = (kernel, asked, options) => {
    return submit(kernel, asked, { ...options, replicas: 2, quorum: 1 });
  };
  const api = await startFakeApi(weak);
  try {
    const swarm = await connectApi({ url: api.url, token: TOKEN });
    const job = await swarm.submit('noop@1', work, { replicas: 3, quorum: 2 });
    await assert.rejects(job.result(), { code: 'CERTIFICATE_INVALID', message: /replicas/ });
    const fewer = await swarm.submit('noop@1', work, { replicas: 2, quorum: 2 });
    await assert.rejects(fewer.result(), { code: 'CERTIFICATE_INVALID', message: /quorum/ });
  } finally {
    await api.close();
  }
});

test('work without the requirement that was asked for is not accepted', async () => {
  await withSwarm({}, async (swarm) => {
    // The node's jobs ask nothing of machines, whatever they were submitted with.
    const job = await swarm.submit('noop@1', work, { requires: 'cuda>=8.0' });
    await assert.rejects(job.result(), { code: 'CERTIFICATE_INVALID', message: /requirement/ });
    await assert.rejects(swarm.submit('noop@1', work, { requires: 'rocm' }), {
      code: 'BAD_POLICY',
    });
  });
});

test('a retry that drops the requirement is not the same work', async () => {
  await withSwarm({}, async (swarm, node) => {
    const again = await node.swarm.submit('noop@1', work);
    const decoded = decodeCanonical(await again.spec(), jobSpecShape, LIMITS.jobSpecBytesMax);
    const strict = { ...unwrap(decoded), requires: { kind: 'cpu' } as const };
    const id = toHex(jobIdOf(strict));
    const old = { ...again, id, spec: async () => encodeCanonical(strict) };
    node.swarm.job = async (asked) => (id.startsWith(asked) ? old : again);
    node.swarm.retry = async () => again;
    await assert.rejects(swarm.retry(id), { code: 'PEER_MISBEHAVED', message: /other work/ });
    node.swarm.retry = async () => old;
    assert.equal((await swarm.retry(id)).id, id);
  });
});

test('a certificate of other inputs of the same shape is not accepted', async () => {
  const node = makeFakeNode();
  const { submit } = node.swarm;
  const other = { ...inputs, a: { ...inputs.a, data: Float32Array.of(9, 9, 9, 9, 9, 9) } };
  const liar = { ...node, swarm: { ...node.swarm } };
  // Its own job in place of ours, with a job id to match.
  liar.swarm.submit = (kernel, _, options) => submit(kernel, { inputs: other }, options);
  const api = await startFakeApi(liar);
  try {
    const swarm = await connectApi({ url: api.url, token: TOKEN });
    const job = await swarm.submit('gemm.f32@1', { inputs });
    await assert.rejects(job.result(), { code: 'CERTIFICATE_INVALID', message: /computation/ });
  } finally {
    await api.close();
  }
});

test('with the cadre off there is no certificate to ask for', async () => {
  await withSwarm({}, async (swarm) => {
    const job = await swarm.submit('noop@1', work, { cadre: 0 });
    assert.equal((await job.result()).certificate, null);
  });
});

test('bad work is refused before anything is uploaded', async () => {
  await withSwarm({}, async (swarm, node) => {
    const bad: [string, Work, SubmitOptions, string][] = [
      ['noop@9', work, {}, 'UNKNOWN_KERNEL'],
      ['noop@1', { parameters: { items: -1 } }, {}, 'BAD_PARAMETER'],
      ['noop@1', { ...work, shards: 65 }, {}, 'BAD_SHARD_COUNT'],
      ['gemm.f32@1', { inputs: { a: inputs.a } }, {}, 'BAD_INPUT'],
      ['gemm.f32@1', { inputs: { ...inputs, a: { ...inputs.a, shape: [9] } } }, {}, 'BAD_INPUT'],
      ['noop@1', work, { quorum: 4, replicas: 3 }, 'BAD_POLICY'],
    ];
    for (const [kernel, asked, options, code] of bad) {
      await assert.rejects(swarm.submit(kernel, asked, options), { code }, code);
    }
    assert.equal(node.submissions.length, 0);
  });
});

test('a signal ends waiting and leaves the job alone; cancel takes it back', async () => {
  await withSwarm({ stalls: true }, async (swarm, node) => {
    const job = await swarm.submit('noop@1', work);
    const leaving = new AbortController();
    const waiting = job.result({ signal: leaving.signal });
    leaving.abort();
    await assert.rejects(waiting, { code: 'INTERRUPTED' });
    assert.deepEqual(node.cancelled, []);
    await job.cancel();
    await assert.rejects(job.result(), { code: 'JOB_CANCELLED' });
    assert.deepEqual(node.cancelled, [job.id]);
  });
});

test('closing the client ends what waits on it', async () => {
  await withSwarm({ stalls: true }, async (swarm) => {
    const job = await swarm.submit('noop@1', work);
    const waiting = job.result();
    await swarm.close();
    await swarm.close();
    await assert.rejects(waiting, { code: 'STOPPED' });
  });
});

test('no node, a wrong token and something else than a node are told apart', async () => {
  await assert.rejects(connectApi({ url: 'http://127.0.0.1:1', token: TOKEN }), {
    code: 'NODE_UNREACHABLE',
  });
  await assert.rejects(connectApi({ url: 'ftp://x' }), { code: 'USAGE' });
  await assert.rejects(connectApi({ url: 'nonsense' }), { code: 'USAGE' });
  const api = await startFakeApi(makeFakeNode());
  await assert.rejects(connectApi({ url: api.url, token: 'wrong' }), { code: 'API_DENIED' });
  await assert.rejects(connectApi({ url: api.url }), { code: 'API_DENIED' });
  await api.close();
  const stranger = createServer((_, response) => response.end('<html>'));
  await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
  const { port } = stranger.address() as AddressInfo;
  await assert.rejects(connectApi({ url: `http://127.0.0.1:${port}` }), {
    code: 'NODE_UNREACHABLE',
  });
  stranger.close();
});

test('of a job found by its id nothing is taken on trust: the id is the hash of its spec', async () => {
  const bend = (result: JobResult): JobResult => {
    const data = Uint8Array.from(result.outputs.out!.data as Uint8Array);
    data[0]! ^= 1;
    return { ...result, outputs: { out: { data, shape: [64] } } };
  };
  await withSwarm({ bend }, async (swarm) => {
    const { id } = await swarm.submit('noop@1', work);
    const found = await swarm.job(id.slice(0, 8));
    assert.equal(found.id, id);
    await assert.rejects(found.result(), { code: 'OUTPUT_MISMATCH' });
  });
  await withSwarm({}, async (swarm, node) => {
    const [first, second] = [
      await swarm.submit('noop@1', work),
      await swarm.submit('noop@1', { ...work, shards: 2 }),
    ];
    // The node answers for one job with another.
    node.swarm.job = async () => second;
    node.swarm.retry = async () => second;
    await assert.rejects(swarm.job(first.id), { code: 'PEER_MISBEHAVED' });
    await assert.rejects(swarm.retry(first.id), { code: 'PEER_MISBEHAVED' });
    const spec = async () => Uint8Array.of(1, 2, 3);
    node.swarm.job = async () => ({ ...second, id: 'f'.repeat(64), spec });
    await assert.rejects(swarm.job('f'.repeat(64)), { code: 'PEER_MISBEHAVED' });
  });
});
