/**
 * ChaCha20 (RFC 8439) as a source of public, reproducible choices: everybody who holds the 32-byte
 * key draws the same words. Nothing is encrypted with it.
 */
import { assert } from '../../base/errors.ts';

export const CHACHA_KEY_BYTES = 32;
const BLOCK_WORDS = 16;
/** "expand 32-byte k" */
const CONSTANTS = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574];

/**
 * The keystream under a zero nonce from block 0 on, as little-endian 32-bit words. A stream gives
 * 2^32 blocks (256 GiB) at most; drawing beyond that is a bug.
 */
export class ChaChaWords {
  readonly #state = new Uint32Array(BLOCK_WORDS);
  readonly #block = new Uint32Array(BLOCK_WORDS);
  #used = BLOCK_WORDS;
  #blocks = 0;

  constructor(key: Uint8Array) {
    assert(key.length === CHACHA_KEY_BYTES, 'a ChaCha20 key has 32 bytes');
    const view = new DataView(key.buffer, key.byteOffset, key.length);
    this.#state.set(CONSTANTS);
    for (let i = 0; i < 8; i++) this.#state[4 + i] = view.getUint32(4 * i, true);
  }

  /** Uniform in 0..2^32-1. */
  next(): number {
    if (this.#used === BLOCK_WORDS) this.#refill();
    return this.#block[this.#used++]!;
  }

  /** Uniform in 0..bound-1 for 1 <= bound <= 2^32, by rejection: no residue is favoured. */
  below(bound: number): number {
    const limit = 0x1_0000_0000 - (0x1_0000_0000 % bound);
    // Each draw succeeds with probability above one half.
    for (;;) {
      const word = this.next();
      if (word < limit) return word % bound;
    }
  }

  #refill(): void {
    assert(this.#blocks < 0x1_0000_0000, 'the ChaCha20 stream is used up');
    this.#state[12] = this.#blocks;
    this.#blocks += 1;
    this.#used = 0;
    chachaBlock(this.#state, this.#block);
  }
}

/** One block: ten double rounds over a copy of the state, then the state added. */
function chachaBlock(state: Uint32Array, out: Uint32Array): void {
  out.set(state);
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 4; i++) quarterRound(out, [i, 4 + i, 8 + i, 12 + i]);
    for (let i = 0; i < 4; i++) {
      quarterRound(out, [i, 4 + ((i + 1) & 3), 8 + ((i + 2) & 3), 12 + ((i + 3) & 3)]);
    }
  }
  for (let i = 0; i < BLOCK_WORDS; i++) out[i]! += state[i]!;
}

function quarterRound(x: Uint32Array, [a, b, c, d]: [number, number, number, number]): void {
  x[a]! += x[b]!;
  x[d] = rotated(x[d]! ^ x[a]!, 16);
  x[c]! += x[d]!;
  x[b] = rotated(x[b]! ^ x[c]!, 12);
  x[a]! += x[b]!;
  x[d] = rotated(x[d]! ^ x[a]!, 8);
  x[c]! += x[d]!;
  x[b] = rotated(x[b]! ^ x[c]!, 7);
}

function rotated(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
