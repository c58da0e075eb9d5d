/**
 * Input bytes between upload and submission: held in memory by blob root, bounded in total; the
 * oldest make room. A job takes its own references when it is submitted.
 */

import { toHex } from '../../src/base/bytes.ts';
import { KadreError } from '../../src/base/errors.ts';
import { blobLeaves, blobRootOf, LEAF_BYTES } from '../../src/blob/tree.ts';

export const UPLOAD_BYTES_MAX = 2_147_483_648;
export const UPLOADS_BYTES_MAX = 4_294_967_296;
const UPLOADS_MAX = 1024;

export class UploadTable {
  readonly #bytesMax: number;
  /** Insertion order is age. */
  readonly #held = new Map<string, Uint8Array>();
  #bytes = 0;

  constructor(init: { readonly bytesMax?: number } = {}) {
    this.#bytesMax = init.bytesMax ?? UPLOADS_BYTES_MAX;
  }

  /** Hashes while receiving, so that no large buffer is hashed in one go. Errors: OVERLOADED. */
  async receive(body: AsyncIterable<Uint8Array>): Promise<{ root: string; bytes: number }> {
    const max = Math.min(UPLOAD_BYTES_MAX, this.#bytesMax);
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    for await (const piece of body) {
      bytes += piece.length;
      if (bytes > max) {
        throw new KadreError({ code: 'OVERLOADED' }, `an upload may have at most ${max} bytes`);
      }
      pieces.push(piece);
    }
    const content = join(pieces, bytes);
    const root = toHex(await rootOf(content));
    this.#hold(root, content);
    return { root, bytes };
  }

  get(root: string): Uint8Array | undefined {
    return this.#held.get(root);
  }

  #hold(root: string, content: Uint8Array): void {
    this.#drop(root);
    this.#held.set(root, content);
    this.#bytes += content.length;
    for (const oldest of this.#held.keys()) {
      if (this.#bytes <= this.#bytesMax && this.#held.size <= UPLOADS_MAX) break;
      this.#drop(oldest);
    }
  }

  #drop(root: string): void {
    this.#bytes -= this.#held.get(root)?.length ?? 0;
    this.#held.delete(root);
  }
}

function join(pieces: readonly Uint8Array[], bytes: number): Uint8Array {
  // Its own buffer at offset 0: typed arrays of any element size can view it.
  const content = new Uint8Array(bytes);
  let offset = 0;
  for (const piece of pieces) {
    content.set(piece, offset);
    offset += piece.length;
  }
  return content;
}

/** Hashes a megabyte per turn of the event loop. */
async function rootOf(content: Uint8Array): Promise<Uint8Array> {
  const step = LEAF_BYTES * 16;
  const hashes: Uint8Array[] = [];
  for (let offset = 0; offset === 0 || offset < content.length; offset += step) {
    hashes.push(blobLeaves(content.subarray(offset, offset + step)));
    await new Promise((resolve) => setImmediate(resolve));
  }
  const leaves = join(
    hashes,
    hashes.reduce((sum, part) => sum + part.length, 0),
  );
  return blobRootOf(leaves, content.length);
}
