/**
 * `run` in its other modes, through the binary: without a cadre, with a single judge, out of time,
 * out of patience, interrupted.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { before, test } from 'node:test';
import type { Lab } from '../../node/lab/lab.ts';
import { ApiClient } from '../../src/sdk/api-client.ts';
import { schemaOf, schemaProblems } from '../support/json-schema.ts';
import { codeOf, eventually, type JsonObject, Workplace, within } from '../support/workplace.ts';

const place = new Workplace();
let lab: Lab;
before(async () => {
  // With two slow workers of three no job ends within three seconds.
  lab = await place.lab([null, 'slow', 'slow']);
});

const run = (...words: string[]) => ['run', 'noop@1', '--network', lab.networkFile, ...words];

interface Load {
  readonly load: { readonly plans: number; readonly shards: number };
  readonly jobs: { readonly running: number };
}

async function statusOf(node: Lab['nodes'][number]): Promise<Load> {
  const token = (await readFile(node.tokenFile, 'utf8')).trim();
  return await new ApiClient({ url: node.api, token }).json<Load>('status');
}

/** Resolves when no node works on anything. */
async function idle(): Promise<void> {
  for (const node of lab.nodes) {
    await eventually(
      async () => ((await statusOf(node)).load.plans === 0 ? true : undefined),
      `the end of every plan at ${node.peerId}`,
    );
  }
}

test('--cadre 0 agrees without a certificate', async () => {
  const { status, object } = await place.json(run('--cadre', '0', '--out', 'out=zero.npy'));
  assert.equal(status, 0, JSON.stringify(object));
  assert.deepEqual(schemaProblems(schemaOf('run'), object), []);
  assert.deepEqual([object.certificate, object.receipts], [null, 'none']);
  assert.deepEqual(object.cadre, { n: 0, q: 0, members: [] });
  assert.equal((await readFile(place.path('zero.npy'))).length, 128 + 65_536);
});

test('--cadre 0 makes nothing for --cert', async () => {
  const { status, object } = await place.json(run('--cadre', '0', '--cert', 'never.kadre'));
  assert.deepEqual([status, codeOf(object)], [2, 'USAGE']);
});

test('--cadre 1 is stated as single', async () => {
  const { status, object } = await place.json(run('--cadre', '1', '--cert', 'single.kadre'));
  assert.equal(status, 0, JSON.stringify(object));
  const verified = await place.json(['verify', 'single.kadre']);
  assert.equal(verified.status, 0);
  assert.equal(verified.object.single, true);
  assert.match((await place.run(['verify', 'single.kadre'])).stdout, /single/);
});

test('too few nodes for the default cadre are exit 3, and nothing is lowered', async () => {
  const { status, object } = await place.json(run('--wait-peers', '1'));
  assert.deepEqual([status, codeOf(object)], [3, 'NOT_ENOUGH_PEERS']);
});

test("the job's deadline is exit 5, and the job has failed", async () => {
  const words = run('--cadre', '1', '--quorum', '3', '--deadline', '1', '--cert', 'late.kadre');
  const { status, object } = await place.json(words);
  assert.deepEqual([status, codeOf(object)], [5, 'DEADLINE_PASSED']);
  assert.equal(existsSync(place.path('late.kadre')), false);
  await idle();
});

test("the command's patience is exit 5 with TIMEOUT; through a node the job goes on", async () => {
  const node = lab.nodes[0]!;
  const api = ['--api', node.api, '--token-file', node.tokenFile];
  const words = ['run', 'noop@1', ...api, '--cadre', '1', '--quorum', '3', '--timeout', '2'];
  const { status, object } = await place.json(words);
  assert.deepEqual([status, codeOf(object)], [5, 'TIMEOUT']);
  await eventually(
    async () => ((await statusOf(node)).jobs.running === 0 ? true : undefined),
    'the end of the job',
  );
  const { jobs } = (await statusOf(node)) as unknown as { jobs: JsonObject };
  assert.deepEqual([jobs.done, jobs.failed], [1, 0]);
});

test('SIGINT is exit 130 and takes the job back from its workers', async () => {
  const interrupted = place.start([
    ...run('--cadre', '1', '--quorum', '3', '--log', 'debug'),
    '--json',
  ]);
  let text = '';
  await within(
    new Promise<void>((resolve) => {
      interrupted.child.stderr?.on('data', (piece) => {
        text += piece;
        if (text.includes('claimed')) resolve();
      });
    }),
    'a claim',
  );
  interrupted.child.kill('SIGINT');
  const { status, stdout } = await within(interrupted.finished, 'the interrupted run');
  assert.equal(status, 130);
  assert.equal(codeOf(JSON.parse(stdout)), 'INTERRUPTED');
  await idle();
});
