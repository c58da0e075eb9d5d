import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JOBS_RUNNING_MAX, JobTable } from '../../../node/api/job-table.ts';
import { UploadTable } from '../../../node/api/upload-table.ts';
import { toHex, utf8 } from '../../../src/base/bytes.ts';
import { KadreError } from '../../../src/base/errors.ts';
import { blobRoot, LEAF_BYTES } from '../../../src/blob/tree.ts';
import { sha256 } from '../../../src/crypto/portable/hash.ts';
import type { JobHandle, JobResult, JobSummary } from '../../../src/sdk/types.ts';

async function* pieces(...contents: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* contents;
}

const filled = (bytes: number, value: number) => new Uint8Array(bytes).fill(value);

const idOf = (name: string) => toHex(sha256(utf8(name)));

/** A job that ends as the promise does. */
function jobOf(name: string, result: Promise<JobResult>): JobHandle {
  return {
    id: idOf(name),
    reused: false,
    events: async function* () {},
    result: () => result,
    spec: () => assert.fail('nobody asks for the spec'),
    describe: () => assert.fail('nobody asks for a description'),
    why: () => assert.fail('nobody asks why'),
    cancel: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

const resultOf = (bytes: number): JobResult => ({
  outputs: { out: { data: new Uint8Array(bytes), shape: [bytes] } },
  certificate: null,
  summary: {} as JobSummary,
});

test('uploads are joined, named by their root, and the oldest make room', async () => {
  const table = new UploadTable({ bytesMax: 250_000 });
  const large = filled(LEAF_BYTES * 2 + 1, 7);
  const first = await table.receive(pieces(large.subarray(0, 5), large.subarray(5)));
  assert.deepEqual(first, { root: toHex(blobRoot(large)), bytes: large.length });
  assert.deepEqual(table.get(first.root), large);
  const second = await table.receive(pieces(filled(100_000, 8)));
  assert.notEqual(table.get(first.root), undefined, 'both fit');
  await table.receive(pieces(filled(100_000, 9)));
  assert.equal(table.get(first.root), undefined, 'the oldest is gone');
  assert.notEqual(table.get(second.root), undefined);
  await assert.rejects(table.receive(pieces(filled(250_001, 1))), { code: 'OVERLOADED' });
  assert.notEqual(table.get(second.root), undefined, 'a refused upload drops nothing');
});

test('the same bytes twice are held once', async () => {
  const table = new UploadTable({ bytesMax: 10 });
  const { root } = await table.receive(pieces(filled(6, 1)));
  await table.receive(pieces(filled(6, 1)));
  await table.receive(pieces(filled(4, 2)));
  assert.notEqual(table.get(root), undefined);
});

test('running jobs are bounded, counting those that are still being planned', () => {
  const table = new JobTable();
  const never = new Promise<JobResult>(() => undefined);
  const giveBack = table.reserve();
  for (let i = 1; i < JOBS_RUNNING_MAX; i++) table.add(jobOf(`${i}`, never));
  assert.throws(() => table.reserve(), { code: 'OVERLOADED' });
  giveBack();
  giveBack();
  table.reserve();
  assert.throws(() => table.reserve(), { code: 'OVERLOADED' });
});

test('ended jobs beyond the bound are forgotten, the newest last', async () => {
  const table = new JobTable({ bytesMax: 100 });
  const never = new Promise<JobResult>(() => undefined);
  table.add(jobOf('running', never));
  for (const id of ['a', 'b', 'c']) {
    await table.add(jobOf(id, Promise.resolve(resultOf(60)))).settled;
  }
  assert.equal(table.get(idOf('a')), undefined);
  assert.equal(table.get(idOf('b')), undefined);
  assert.equal(table.get(idOf('c'))?.state, 'done');
  assert.equal(table.get(idOf('running'))?.state, 'running');
  await table.add(jobOf('huge', Promise.resolve(resultOf(1000)))).settled;
  assert.equal(table.get(idOf('huge'))?.state, 'done', 'the newest can always be fetched');
});

test('a failed job keeps its code; waiting ends with job, patience or client', async () => {
  const table = new JobTable();
  const error = new KadreError({ code: 'NO_AGREEMENT' }, 'no');
  const failed = table.add(jobOf('failed', Promise.reject(error)));
  await failed.settled;
  assert.deepEqual([failed.state, failed.error?.code], ['failed', 'NO_AGREEMENT']);
  const cancelled = new KadreError({ code: 'JOB_CANCELLED' }, 'taken back');
  const taken = table.add(jobOf('taken', Promise.reject(cancelled)));
  await taken.settled;
  assert.equal(taken.state, 'cancelled');
  const running = table.add(jobOf('running', new Promise(() => undefined)));
  await table.wait(running, 1, new AbortController().signal);
  await table.wait(running, 60_000, AbortSignal.abort());
  await table.wait(failed, 60_000, new AbortController().signal);
});
