/**
 * Jobs that are looked at, left alone, picked up and cancelled from other commands, through the
 * binary and real processes.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { before, test } from 'node:test';
import type { Lab } from '../../node/lab/lab.ts';
import { ApiClient } from '../../src/sdk/api-client.ts';
import { schemaOf, schemaProblems } from '../support/json-schema.ts';
import type { KadreProcess } from '../support/kadre-process.ts';
import { eventually, type JsonObject, Workplace, within } from '../support/workplace.ts';

const place = new Workplace();
let lab: Lab;
let clients: readonly ApiClient[];
before(async () => {
  // With all three workers needed and two of them slow, no job ends within three seconds.
  lab = await place.lab([null, null, 'slow', 'slow', 'slow']);
  clients = await Promise.all(
    lab.nodes.map(async ({ api, tokenFile }) => {
      return new ApiClient({ url: api, token: (await readFile(tokenFile, 'utf8')).trim() });
    }),
  );
});

const SLOW_JOB = ['noop@1', '--shards', '12', '--quorum', '3'];
const through = (i: number) => {
  const { api, tokenFile } = lab.nodes[i]!;
  return ['--api', api, '--token-file', tokenFile];
};
const fits = (schema: string, object: JsonObject) =>
  assert.deepEqual(schemaProblems(schemaOf(schema), object), [], schema);

const plansOf = async (client: ApiClient) =>
  (await client.json<{ load: { plans: number } }>('status')).load.plans;

/** How long it takes to ask every node once: on a busy machine, much. */
async function sweepMs(): Promise<number> {
  const startMs = performance.now();
  for (const client of clients) await plansOf(client);
  return performance.now() - startMs;
}

/**
 * No node holds a plan any more, as worker or as member, within a second of `act`; on a machine so
 * busy that questions alone take long, within as many questions as a second has on an idle one.
 */
async function idleWithinSecond(act: () => unknown): Promise<void> {
  const limitMs = Math.max(1_000, 50 * (await sweepMs()));
  await act();
  const startMs = performance.now();
  for (const client of clients) {
    const isIdle = async () => ((await plansOf(client)) === 0 ? true : undefined);
    await eventually(isIdle, 'the end of every plan');
  }
  const tookMs = Math.round(performance.now() - startMs);
  assert.ok(tookMs < limitMs, `${tookMs} ms, at most ${Math.round(limitMs)}`);
}

async function claimed({ child }: KadreProcess): Promise<void> {
  let text = '';
  const seen = new Promise<void>((resolve) => {
    child.stderr?.on('data', (piece) => {
      text += piece;
      if (/claimed.*\n.*claimed.*\n.*claimed/.test(text)) resolve();
    });
  });
  await within(seen, 'the claims');
}

test('SIGINT at `run` is exit 130, and within a second nobody works for it', async () => {
  const running = place.start([
    'run',
    ...SLOW_JOB,
    '--network',
    lab.networkFile,
    '--log',
    'debug',
    '--json',
  ]);
  await claimed(running);
  await idleWithinSecond(() => running.child.kill('SIGINT'));
  assert.equal((await within(running.finished, 'the run')).status, 130);
});

test('a job that goes on is listed, explained and cancelled by other commands', async () => {
  // So many items that a slow node takes its three seconds again and again.
  const many = ['--param', 'items=16000000'];
  const submitted = await place.json(['submit', ...SLOW_JOB, ...many, ...through(0)]);
  assert.equal(submitted.status, 0, JSON.stringify(submitted.object));
  fits('submit', submitted.object);
  const id = String(submitted.object.jobId);
  const [listed, why, other] = await Promise.all([
    place.json(['list', ...through(0)]),
    place.json(['why', id.slice(0, 8), ...through(0)]),
    place.json(['list', ...through(1)]),
  ]);
  fits('list', listed.object);
  fits('why', why.object);
  assert.deepEqual((other.object as { jobs: unknown[] }).jobs, [], 'it is the first node');
  const rows = why.object.rows as { waitsFor: string[] }[];
  const slow = lab.nodes.filter(({ behaviour }) => behaviour === 'slow').map((n) => n.peerId);
  assert.ok(rows.length > 0);
  const awaited = rows.flatMap(({ waitsFor }) => waitsFor);
  assert.ok(
    awaited.some((peer) => slow.includes(peer)),
    'it waits for the slow ones',
  );
  await idleWithinSecond(async () => {
    const { object } = await place.json(['cancel', id, ...through(0)]);
    fits('cancel', object);
    assert.equal(object.state, 'cancelled');
  });
});

test('what an interrupt left running is fetched from another node, and run again', async () => {
  const words = ['run', ...SLOW_JOB, '--detach-on-interrupt', '--log', 'debug', '--json'];
  const running = place.start([...words, ...through(0)]);
  await claimed(running);
  running.child.kill('SIGINT');
  const { status, stdout } = await within(running.finished, 'the run');
  assert.equal(status, 130);
  const { advice } = (JSON.parse(stdout) as { error: { advice: string } }).error;
  const id = /kadre get ([0-9a-f]{64})$/.exec(advice)?.[1] ?? assert.fail(advice);
  const files = ['--out', 'out=left.npy', '--cert', 'left.kadre'];
  const got = await place.json(['get', id, ...files, ...through(1)]);
  assert.equal(got.status, 0, JSON.stringify(got.object));
  fits('get', got.object);
  const verified = await place.json(['verify', 'left.kadre', '--out', 'out=left.npy']);
  assert.equal(verified.status, 0, JSON.stringify(verified.object));
  const again = await place.json(['retry', id, ...through(0)]);
  assert.equal(again.status, 0, JSON.stringify(again.object));
  fits('retry', again.object);
  const followed = await place.run([
    'events',
    String(again.object.jobId),
    ...through(0),
    '--follow',
    '--json',
  ]);
  const lines = followed.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as JsonObject);
  for (const line of lines) fits('events', line);
  assert.equal(lines.at(-1)?.type, 'done');
  assert.ok(existsSync(place.path('left.npy')));
});

test('bench measures every part and fits its schema', async () => {
  const { status, object } = await place.json(['bench', '--seconds', '1']);
  assert.equal(status, 0);
  fits('bench', object);
});
