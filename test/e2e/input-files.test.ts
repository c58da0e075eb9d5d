/** Inputs that stay in files: never whole in memory, and told by name when they change. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContentSource } from '../../src/base/ports.ts';
import { bytesOfArray, type SourceArray } from '../../src/kernel/nd-array.ts';
import { openArrayFile } from '../../src/sdk/array-file.ts';
import { connect } from '../../src/sdk/connect.ts';
import { verify } from '../../src/verify.ts';
import { multiply, saveMatrix, wholeMatrix } from '../support/npy-files.ts';
import { Workplace, within } from '../support/workplace.ts';

const place = new Workplace();
const a = wholeMatrix(8, 4_096, 3);
/** 20 MiB: more than a command reads into memory. */
const b = wholeMatrix(4_096, 1_280, 5);

test('a job reads its input from a file, a few MiB at a time', async () => {
  const lab = await place.lab(Array<null>(5).fill(null));
  await saveMatrix(place.path('b.npy'), b);
  await using swarm = await connect({ network: lab.networkFile });
  const array = await openArrayFile(place.path('b.npy'));
  let readMax = 0;
  const source: ContentSource = {
    ...array.source,
    read: (offset, length) => {
      readMax = Math.max(readMax, length);
      return array.source.read(offset, length);
    },
  };
  const job = await swarm.submit('gemm.f32@1', { inputs: { a, b: { ...array, source } } });
  const { outputs, certificate } = await within(job.result(), 'a job with an input in a file');
  assert.deepEqual(outputs.c?.data, multiply(a, b).data);
  assert.ok(certificate !== null);
  const verdict = await verify(certificate, { inputs: { a, b }, outputs });
  assert.equal(verdict.valid, true);
  assert.ok(readMax <= 4 * 2 ** 20, `${readMax} bytes at once`);

  await saveMatrix(place.path('a.npy'), a);
  const files = ['--in', `a=${place.path('a.npy')}`, '--in', `b=${place.path('b.npy')}`];
  const ran = await place.run(['run', 'gemm.f32@1', ...files, '--network', lab.networkFile]);
  assert.equal(ran.status, 0, ran.stderr);
});

test('an input that changes under a job fails it with INPUT_CHANGED', async () => {
  const lab = await place.lab(Array<null>(5).fill(null));
  await using swarm = await connect({ network: lab.networkFile });
  const bytes = bytesOfArray(b);
  let isHashed = false;
  const changing: SourceArray = {
    dtype: '<f4',
    shape: b.shape,
    source: {
      name: 'b, which is written to',
      bytes: bytes.length,
      read: async (offset, length) => {
        const part = bytes.slice(offset, offset + length);
        if (isHashed) part[0]! ^= 1;
        return part;
      },
    },
  };
  const submitted = swarm.submit('gemm.f32@1', { inputs: { a, b: changing } });
  const job = await submitted.finally(() => {
    isHashed = true;
  });
  const result = within(job.result(), 'a job whose input changes');
  await assert.rejects(result, { code: 'INPUT_CHANGED' });
});
