/** `sha256.search@1` on every backend. */

import { fromHex } from '../../base/bytes.ts';
import { assert } from '../../base/errors.ts';
import type { Parameters } from '../../kernel/contract.ts';
import { numberOf } from '../../kernel/define.ts';
import type { KernelCall } from '../kernel-call.ts';
import { searchSteps } from '../reference/sha256-search.ts';
import { type KernelCode, rowsOf, sampleRequest } from './kernel-code.ts';

const ID = 'sha256.search@1';

export const sha256SearchCode: KernelCode = {
  id: ID,
  nativeKernel: 4,
  native: (call) => {
    const { prefix, first, blocks, nonces } = workOf(call);
    // A copy of its own: hex bytes may come from a pool, at any address.
    return { extents: [blocks, first, nonces], inputs: [new Uint8Array(prefix)] };
  },
  reference: (call, [nonces, hashes]) => {
    const { buffer, byteOffset, byteLength } = nonces!;
    const column = new BigUint64Array(buffer, byteOffset, byteLength / 8);
    return searchSteps(workOf(call), column, hashes!);
  },
  selftest: () => [
    caseOf('short', { prefix: '6b61647265', nonces: 100, blocks: 3 }, 2),
    // The nonce lies across a word, and across the end of a block; its high word changes.
    caseOf('long', { prefix: 'a5'.repeat(61), first: 2 ** 32 - 5, nonces: 37, blocks: 2 }, 1),
  ],
  speed: {
    growth: 4,
    steps: 5,
    request: (step) =>
      sampleRequest({
        kernel: ID,
        parameters: { nonces: 256 * 4 ** step, blocks: 8 },
        shardCount: 8,
      }),
  },
};

function workOf(call: KernelCall) {
  const { parameters } = call.resolved;
  const { first: firstBlock, count: blocks } = rowsOf(call);
  const prefix = fromHex(parameters.prefix as string);
  assert(prefix !== undefined, 'a resolved prefix is hex');
  const nonces = numberOf(parameters, 'nonces');
  return { prefix, first: numberOf(parameters, 'first') + firstBlock * nonces, blocks, nonces };
}

function caseOf(name: string, parameters: Parameters, shardCount: number) {
  return {
    name: `${ID} ${name}`,
    request: sampleRequest({ kernel: ID, parameters, shardCount }),
  };
}
