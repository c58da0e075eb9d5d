import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { parseApiAddress, startApi } from '../../../node/api/server.ts';
import { toHex, utf8 } from '../../../src/base/bytes.ts';
import { KadreError } from '../../../src/base/errors.ts';
import { blobRoot } from '../../../src/blob/tree.ts';
import { type FakeApi, startFakeApi, TOKEN } from '../../support/fake-api.ts';
import { FAKE_PEER_ID, type FakeNode, makeFakeNode } from '../../support/fake-node.ts';
import { schemaOf, schemaProblems } from '../../support/json-schema.ts';

let node: FakeNode;
let api: FakeApi;
before(async () => {
  node = makeFakeNode();
  api = await startFakeApi(node, { uploadBytesMax: 1000 });
});
after(() => api.close());

const authorization = `Bearer ${TOKEN}`;

interface Answer {
  readonly status: number;
  readonly json: Record<string, unknown> & { error?: { code: string } };
}

async function call(path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`${api.url}/v1/${path}`, {
    ...init,
    headers: { authorization, ...init.headers },
  });
  const text = await response.text();
  return { status: response.status, json: JSON.parse(text.split('\n')[0] ?? '') };
}

async function submit(body: unknown): Promise<Answer> {
  return call('jobs', { method: 'POST', body: JSON.stringify(body) });
}

/** node:http, because fetch does not let a Host header be forged. */
function statusWith(headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(`${api.url}/v1/status`, { headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.once('error', reject);
    sent.end();
  });
}

test('every path needs the token, whole and exact', async () => {
  for (const path of ['status', 'peers', 'jobs', 'jobs/x/events', 'nothing']) {
    for (const wrong of ['', 'Bearer', `Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(1)}`, TOKEN]) {
      const { status, json } = await call(path, { headers: { authorization: wrong } });
      assert.equal(status, 401, `${path} with ${wrong}`);
      assert.equal(json.error?.code, 'API_DENIED');
      assert.deepEqual(schemaProblems(schemaOf('error'), json), []);
    }
  }
  assert.equal((await call('status')).status, 200);
  const preflight = await fetch(`${api.url}/v1/status`, { method: 'OPTIONS' });
  assert.equal(preflight.status, 401, 'no page of another origin gets a preflight through');
});

test('a Host that was not listened on is refused, whatever the token', async () => {
  const { port } = new URL(api.url);
  assert.equal(await statusWith({ host: `evil.example:${port}`, authorization }), 401);
  assert.equal(await statusWith({ host: '127.0.0.1', authorization }), 401);
  assert.equal(await statusWith({ host: `localhost:${port}`, authorization }), 200);
});

test('what the node says fits the published schemas', async () => {
  for (const name of ['status', 'peers', 'caps']) {
    const { json } = await call(name);
    assert.deepEqual(schemaProblems(schemaOf(name), json), [], name);
  }
  const { json } = await call('kernels');
  assert.deepEqual(schemaProblems(schemaOf('kernels-list'), json), []);
});

test('an upload answers its blob root, and one beyond the bound is refused', async () => {
  const content = utf8('x'.repeat(1000));
  const held = await call('blobs', { method: 'PUT', body: content });
  assert.deepEqual([held.status, held.json.root], [201, toHex(blobRoot(content))]);
  const empty = await call('blobs', { method: 'PUT' });
  assert.equal(empty.json.root, toHex(blobRoot(new Uint8Array(0))));
  const large = await call('blobs', { method: 'PUT', body: utf8('x'.repeat(1001)) });
  assert.deepEqual([large.status, large.json.error?.code], [429, 'OVERLOADED']);
});

test('a job goes from submission to outputs and certificate', async () => {
  const { status, json } = await submit({ v: 1, kernel: 'noop@1', parameters: { items: 9 } });
  assert.equal(status, 201);
  const id = String(json.jobId);
  const job = await call(`jobs/${id}?wait=5`);
  assert.equal(job.json.state, 'done');
  const output = await fetch(`${api.url}/v1/jobs/${id}/outputs/out`, {
    headers: { authorization },
  });
  assert.equal(output.headers.get('x-kadre-dtype'), '|u1');
  assert.equal(output.headers.get('x-kadre-shape'), '[9]');
  assert.equal((await output.arrayBuffer()).byteLength, 9);
  const events = await fetch(`${api.url}/v1/jobs/${id}/events`, { headers: { authorization } });
  const lines = (await events.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map((line) => [line.v, line.type]),
    [
      [1, 'planned'],
      [1, 'progress'],
      [1, 'done'],
    ],
  );
  const listed = (await call('jobs')).json.jobs as { jobId: string }[];
  assert.ok(listed.some((entry) => entry.jobId === id));
  assert.equal((await call(`jobs/${id}/outputs/nothing`)).json.error?.code, 'JOB_UNKNOWN');
});

test('malformed submissions are refused by name and reach nobody', async () => {
  const before = node.submissions.length;
  const bad: [unknown, string][] = [
    [undefined, 'USAGE'],
    [[], 'USAGE'],
    [{ v: 2, kernel: 'noop@1' }, 'USAGE'],
    [{ v: 1, kernel: 7 }, 'USAGE'],
    [{ v: 1, kernel: 'noop@1', extra: 1 }, 'USAGE'],
    [{ v: 1, kernel: 'noop@1', shards: '3' }, 'USAGE'],
    [{ v: 1, kernel: 'noop@1', parameters: { items: [] } }, 'USAGE'],
    [{ v: 1, kernel: 'noop@1', options: { cadres: 1 } }, 'USAGE'],
    [{ v: 1, kernel: 'noop@1', options: { cadre: 'x' } }, 'USAGE'],
    [{ v: 1, kernel: 'noop@1', options: { requires: 80 } }, 'USAGE'],
    [{ v: 1, kernel: 'noop@1', inputs: { a: { dtype: '<f4', shape: [1] } } }, 'USAGE'],
    [{ v: 1, kernel: 'noop@1', inputs: { a: { dtype: '<f9', shape: [1], root: '' } } }, 'USAGE'],
    [{ v: 1, kernel: 'n', inputs: { a: { dtype: '<f4', shape: [1], root: 'x' } } }, 'BAD_INPUT'],
  ];
  for (const [body, code] of bad) {
    const { status, json } = await submit(body);
    assert.deepEqual([status, json.error?.code], [400, code], JSON.stringify(body));
  }
  const large = { v: 1, kernel: 'x'.repeat(1_100_000) };
  assert.equal((await submit(large)).json.error?.code, 'USAGE');
  assert.equal(node.submissions.length, before);
  assert.equal((await submit({ v: 1, kernel: 'nope@1' })).json.error?.code, 'UNKNOWN_KERNEL');
});

test('unknown paths, methods and jobs are refused', async () => {
  assert.equal((await call('nothing')).status, 404);
  assert.equal((await call('status', { method: 'POST' })).status, 404);
  assert.equal((await call('jobs/abcdef01')).json.error?.code, 'JOB_UNKNOWN');
  assert.equal((await call('jobs/abcdef01?wait=1')).status, 404);
  for (const id of ['abc', 'x'.repeat(64), 'a'.repeat(65)]) {
    assert.equal((await call(`jobs/${id}`)).json.error?.code, 'USAGE', id);
  }
});

test('a running job has no result yet; waiting ends when it is cancelled', async () => {
  const slow = makeFakeNode({ stalls: true });
  const server = await startFakeApi(slow);
  const send = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`${server.url}/v1/${path}`, {
      ...init,
      headers: { authorization },
    });
    return (await response.json()) as Answer['json'];
  };
  try {
    const body = JSON.stringify({ v: 1, kernel: 'noop@1' });
    const { jobId } = await send('jobs', { method: 'POST', body });
    assert.equal((await send(`jobs/${jobId}`)).state, 'running');
    assert.equal((await send(`jobs/${jobId}?wait=61`)).error?.code, 'USAGE');
    assert.equal((await send(`jobs/${jobId}/certificate`)).error?.code, 'JOB_UNKNOWN');
    const waiting = send(`jobs/${jobId}?wait=30`);
    await send(`jobs/${jobId}`, { method: 'DELETE' });
    assert.equal((await waiting).state, 'cancelled');
    assert.deepEqual(slow.cancelled, [jobId]);
  } finally {
    await server.close();
  }
});

test('a job outlives the connection that submitted it', async () => {
  const slow = makeFakeNode({ stalls: true });
  const server = await startFakeApi(slow);
  try {
    const response = await fetch(`${server.url}/v1/jobs`, {
      method: 'POST',
      headers: { authorization, connection: 'close' },
      body: JSON.stringify({ v: 1, kernel: 'noop@1' }),
    });
    const { jobId } = (await response.json()) as { jobId: string };
    assert.equal(slow.submissions[0]?.options.signal?.aborted, false);
    const job = await fetch(`${server.url}/v1/jobs/${jobId}`, { headers: { authorization } });
    assert.equal(((await job.json()) as { state: string }).state, 'running');
  } finally {
    await server.close();
  }
});

test('shutdown is answered before it is asked for', async () => {
  const { status, json } = await call('shutdown', { method: 'POST' });
  assert.deepEqual([status, schemaProblems(schemaOf('down'), json)], [202, []]);
  assert.equal(api.shutdowns(), 1);
});

test('a taken port and an address that is not loopback are coded errors', async () => {
  const { port } = new URL(api.url);
  const init = { host: '127.0.0.1', port: Number(port), token: 't', routes: [] };
  await assert.rejects(startApi({ ...init, log: { log: () => undefined } }), {
    code: 'PORT_TAKEN',
  });
  assert.deepEqual(parseApiAddress('localhost:80'), { host: '127.0.0.1', port: 80 });
  assert.deepEqual(parseApiAddress('[::1]:0'), { host: '::1', port: 0 });
  for (const text of ['0.0.0.0:80', '10.0.0.1:80', '127.0.0.1', '127.0.0.1:70000', 'a b:1', '']) {
    assert.throws(() => parseApiAddress(text), { code: 'USAGE' }, text);
  }
});

test('a refusal of the node keeps its code on the way through', async () => {
  const refusal = new KadreError({ code: 'NOT_ENOUGH_PEERS', peer: FAKE_PEER_ID }, 'nobody');
  const server = await startFakeApi(makeFakeNode({ refusal }));
  try {
    const response = await fetch(`${server.url}/v1/jobs`, {
      method: 'POST',
      headers: { authorization },
      body: JSON.stringify({ v: 1, kernel: 'noop@1' }),
    });
    assert.equal(response.status, 503);
    assert.deepEqual(await response.json(), { v: 1, error: { ...refusal.toJSON() } });
  } finally {
    await server.close();
  }
});
