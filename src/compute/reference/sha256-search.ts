/** `sha256.search@1` by its page (docs/protocol/kernels/sha256.search.md), hash by hash. */
import { compareBytes, concatBytes, u64 } from '../../base/bytes.ts';
import { sha256 } from '../../crypto/portable/hash.ts';

/** Hashes between two pauses: some ten milliseconds. */
const STEP_HASHES = 8_192;

export interface SearchBlocks {
  readonly prefix: Uint8Array;
  /** First nonce of the first of these blocks. */
  readonly first: number;
  readonly blocks: number;
  /** Of each block. */
  readonly nonces: number;
}

/** `nonces`: one per block. `hashes`: 32 bytes per block. */
export function* searchSteps(
  work: SearchBlocks,
  nonces: BigUint64Array,
  hashes: Uint8Array,
): Generator<void> {
  for (let block = 0; block < work.blocks; block++) {
    let lowest: Uint8Array | undefined;
    for (let i = 0; i < work.nonces; i++) {
      const nonce = work.first + block * work.nonces + i;
      const hash = sha256(concatBytes([work.prefix, u64(nonce)]));
      if (lowest === undefined || compareBytes(hash, lowest) < 0) {
        lowest = hash;
        nonces[block] = BigInt(nonce);
        hashes.set(hash, block * 32);
      }
      if ((block * work.nonces + i) % STEP_HASHES === STEP_HASHES - 1) yield;
    }
  }
}
