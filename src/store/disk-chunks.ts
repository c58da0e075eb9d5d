/**
 * Blobs of which a node holds some chunks: `chunks/<root in hex>/<index>` beside `<bytes>.leaves`,
 * the leaf hashes of the whole blob (docs/protocol/blob.md, "On disk"). The leaf hashes are written
 * first and removed first: a folder without them is what a crash left, and goes at the next start.
 * What is read here is not yet checked; the blob store does that.
 */
import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobChunk } from '../base/ports.ts';
import { CHUNK_BYTES, chunkBytes, chunkCount, chunksOver } from '../blob/chunks.ts';
import type { BlobFiles } from './blob-files.ts';

/** One blob, in parts. */
export interface ChunkedBlob {
  /** Of the whole blob. */
  readonly bytes: number;
  readonly present: Set<number>;
  /** Content on disk. */
  heldBytes: number;
  /** Wall time of the last put, read, or sweep that kept it; the leaf file's mtime at start. */
  usedMs: number;
  /** Chunks on their way to disk: it must not go meanwhile. */
  writing: number;
}

const ROOT_NAME = /^[0-9a-f]{64}$/;
const LEAVES_NAME = /^([0-9]{1,12})\.leaves$/;
const CHUNK_NAME = /^[0-9]{1,6}$/;

export class DiskChunks {
  readonly #files: BlobFiles;
  readonly #folder: string;
  readonly #blobs = new Map<string, ChunkedBlob>();

  constructor(files: BlobFiles, folder: string) {
    this.#files = files;
    this.#folder = folder;
  }

  /** Finds what a former process left, by the blobs' keys. */
  async scan(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    for (const key of await readdir(this.#folder)) {
      if (!ROOT_NAME.test(key)) continue;
      const found = await this.#scanBlob(join(this.#folder, key));
      if (found === undefined) await rm(join(this.#folder, key), { recursive: true, force: true });
      else this.#blobs.set(key, found);
    }
  }

  get(key: string): ChunkedBlob | undefined {
    return this.#blobs.get(key);
  }

  [Symbol.iterator](): IterableIterator<[string, ChunkedBlob]> {
    return this.#blobs.entries();
  }

  isWhole(blob: ChunkedBlob): boolean {
    return blob.present.size === chunkCount(blob.bytes);
  }

  /** Of all blobs. */
  get heldBytes(): number {
    return [...this.#blobs.values()].reduce((sum, { heldBytes }) => sum + heldBytes, 0);
  }

  /** Writes a chunk that is not here yet. */
  async put(key: string, chunk: BlobChunk, nowMs: number): Promise<void> {
    const { ref, leaves, index, content } = chunk;
    const fresh = { bytes: ref.bytes, present: new Set<number>(), heldBytes: 0 };
    const blob = this.#blobs.get(key) ?? { ...fresh, usedMs: nowMs, writing: 0 };
    const folder = join(this.#folder, key);
    this.#blobs.set(key, blob);
    blob.writing += 1;
    try {
      if (blob.present.size === 0) {
        await mkdir(folder, { recursive: true });
        await this.#files.write(leaves, join(folder, `${ref.bytes}.leaves`));
      }
      await this.#files.write(content, join(folder, String(index)));
      if (!blob.present.has(index)) blob.heldBytes += content.length;
      blob.present.add(index);
      blob.usedMs = nowMs;
    } finally {
      blob.writing -= 1;
      if (blob.present.size + blob.writing === 0) this.#blobs.delete(key);
    }
  }

  /** These bytes of a blob, unchecked; undefined when a chunk of them is not here. */
  async read(key: string, offset: number, length: number): Promise<Uint8Array | undefined> {
    const blob = this.#blobs.get(key);
    if (blob === undefined) return undefined;
    if (length === 0) return new Uint8Array(0);
    const chunks = chunksOver({ offset, length });
    if (chunks.some((index) => !blob.present.has(index))) return undefined;
    const whole = new Uint8Array(length);
    for (const index of chunks) {
      const start = Math.max(offset, index * CHUNK_BYTES);
      const end = Math.min(offset + length, index * CHUNK_BYTES + chunkBytes(blob.bytes, index));
      const path = join(this.#folder, key, String(index));
      const part = await this.#files.read(path, start - index * CHUNK_BYTES, end - start);
      if (part === undefined) return undefined;
      // The common case: a piece within one chunk is not copied again.
      if (part.length === length) return part;
      whole.set(part, start - offset);
    }
    return whole;
  }

  /** Leaf hashes as they are on disk, unchecked. */
  async leaves(key: string, leafListBytes: number): Promise<Uint8Array | undefined> {
    const blob = this.#blobs.get(key);
    if (blob === undefined) return undefined;
    return this.#files.read(this.#leavesPath(key, blob), 0, leafListBytes);
  }

  /** No longer held, from now on; the files go with `remove`. */
  forget(key: string): void {
    this.#blobs.delete(key);
  }

  /** Forgets these chunks, which disk no longer bears out; they can be put again. */
  forgetChunks(key: string, chunks: readonly number[]): void {
    const blob = this.#blobs.get(key);
    if (blob === undefined) return;
    for (const index of chunks) {
      if (blob.present.delete(index)) blob.heldBytes -= chunkBytes(blob.bytes, index);
    }
    if (blob.present.size + blob.writing === 0) this.#blobs.delete(key);
  }

  /** Removes the files of a forgotten blob. */
  async remove(key: string, blob: ChunkedBlob): Promise<void> {
    await rm(this.#leavesPath(key, blob), { force: true });
    await rm(join(this.#folder, key), { recursive: true, force: true });
  }

  /** Its time begins anew; on disk too, so that this outlives a restart. */
  async touch(key: string, blob: ChunkedBlob, nowMs: number): Promise<void> {
    blob.usedMs = nowMs;
    const seconds = nowMs / 1000;
    await utimes(this.#leavesPath(key, blob), seconds, seconds).catch(() => undefined);
  }

  #leavesPath(key: string, { bytes }: ChunkedBlob): string {
    return join(this.#folder, key, `${bytes}.leaves`);
  }

  async #scanBlob(folder: string): Promise<ChunkedBlob | undefined> {
    const names = await readdir(folder);
    const leaves = names.find((name) => LEAVES_NAME.test(name));
    if (leaves === undefined) return undefined;
    const bytes = Number(LEAVES_NAME.exec(leaves)![1]);
    const present = new Set<number>();
    let heldBytes = 0;
    for (const name of names.filter((one) => CHUNK_NAME.test(one))) {
      const index = Number(name);
      const { size } = await stat(join(folder, name));
      if (index >= chunkCount(bytes) || size !== chunkBytes(bytes, index)) continue;
      present.add(index);
      heldBytes += size;
    }
    const { mtimeMs } = await stat(join(folder, leaves));
    return present.size === 0
      ? undefined
      : { bytes, present, heldBytes, usedMs: mtimeMs, writing: 0 };
  }
}
