/**
 * `sha256.search@1`: of each block of consecutive nonces the one with the lowest SHA-256 hash
 * (docs/protocol/kernels/sha256.search.md). The `blocks` parameter fixes the output.
 */
import { fromHex } from '../base/bytes.ts';
import { accept, refuse } from '../base/verdict.ts';
import { alongFirstAxis, defineKernel, numberOf } from './define.ts';

/** Integer operations of one hash of a short message. */
const HASH_OPERATIONS = 2_000;
const BLOCK_BYTES = 40;

export const sha256Search = defineKernel({
  name: 'sha256.search',
  major: 1,
  schema: {
    parameters: [
      {
        name: 'prefix',
        type: 'text',
        default: '',
        why: 'what precedes the nonce, in lowercase hex, at most 2048 bytes',
      },
      {
        name: 'first',
        type: 'integer',
        min: 0,
        max: Number.MAX_SAFE_INTEGER,
        default: 0,
        why: 'first nonce of the first block',
      },
      {
        name: 'nonces',
        type: 'integer',
        min: 1,
        max: 2 ** 32,
        default: 65_536,
        why: 'nonces of each block',
      },
      {
        name: 'blocks',
        type: 'integer',
        min: 1,
        max: 2 ** 20,
        default: 64,
        why: 'rows of the outputs; at most that many shards',
      },
    ],
    inputs: [],
    outputs: [
      { name: 'nonces', dtype: '<u8', rank: 1, why: 'per block the nonce with the lowest hash' },
      { name: 'hashes', dtype: '|u1', rank: 2, why: 'blocks x 32: that hash' },
    ],
  },
  numericContract: 1,
  planner: 1,
  summary: 'The lowest SHA-256 hash in each block of a range of nonces: proof of work.',
  plan(parameters) {
    const [blocks, nonces] = [numberOf(parameters, 'blocks'), numberOf(parameters, 'nonces')];
    if (fromHex(parameters.prefix as string) === undefined) {
      return refuse('bad-parameter', 'reject', 'prefix is not whole bytes in lowercase hex');
    }
    // Nonces stay exact as numbers, wherever they are handled.
    if (!Number.isSafeInteger(numberOf(parameters, 'first') + blocks * nonces)) {
      return refuse('bad-parameter', 'reject', 'the last nonce would exceed 2^53');
    }
    return accept(
      alongFirstAxis({
        outputs: [
          { name: 'nonces', dtype: '<u8', shape: [blocks] },
          { name: 'hashes', dtype: '|u1', shape: [blocks, 32] },
        ],
        cost: ({ length }) => ({
          operations: length * nonces * HASH_OPERATIONS,
          bytes: length * BLOCK_BYTES,
        }),
      }),
    );
  },
});
