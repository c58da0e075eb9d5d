/** Output bits do not depend on how a job is cut: any kernel, any shard count, the same whole. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ExecutionRequest } from '../../src/compute/executor.ts';
import { prepareRequest } from '../../src/compute/kernel-call.ts';
import { sampleArray, sampleRequest } from '../../src/compute/kernels/kernel-code.ts';
import { JsExecutor } from '../../src/compute/local-executor.ts';
import { digestOf } from '../../src/compute/selftest.ts';
import { kernelId } from '../../src/kernel/contract.ts';
import { KERNELS } from '../../src/kernel/registry.ts';
import { APPLICATIONS } from '../support/kernel-plans.ts';

const js = new JsExecutor();

/** Its inputs are signed: test/unit/compute/fed-aggregate.test.ts cuts real ones. */
const SIGNED_INPUTS = ['fed.aggregate'];

for (const kernel of KERNELS.filter(({ name }) => !SIGNED_INPUTS.includes(name))) {
  test(`${kernel.name}: the same bits for any shard count`, async () => {
    const requests = APPLICATIONS[kernel.name]!.chain(({ parameters, inputs }) => {
      const arrays = inputs.map(({ name, shape }, i) =>
        sampleArray(name, 'any-bits', shape, i + 1),
      );
      const request = sampleRequest({ kernel: kernelId(kernel), parameters, inputs: arrays });
      const { shardsMax } = prepareRequest(request).resolved;
      return fc.integer({ min: 1, max: shardsMax }).map((shardCount) => ({ request, shardCount }));
    });
    await fc.assert(
      fc.asyncProperty(requests, async ({ request, shardCount }) => {
        const cut: ExecutionRequest = sampleRequest({ ...request, shardCount });
        const digests = [request, cut].map((one) => digestOf(js, { name: '', request: one }));
        const [whole, pieces] = await Promise.all(digests);
        assert.equal(pieces, whole);
      }),
      { numRuns: 40 },
    );
  });
}
