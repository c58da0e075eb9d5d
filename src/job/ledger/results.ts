/**
 * Result leaves and the results root (job.md section 4, rule 5; docs/protocol/ledger.md,
 * "Results"). The bytes of a leaf are ordinary canonical DAG-CBOR; they are written by hand here,
 * ten times as fast as by the general encoder, because a job has a leaf per shard.
 */
import { utf8 } from '../../base/bytes.ts';
import { DIGEST_BYTES, type Digest, type NodeId } from '../../base/ids.ts';
import { countedRoot, sha256 } from '../../crypto/portable/hash.ts';
import { packedTreeHash } from '../../crypto/portable/merkle.ts';
import type { Dtype, Region } from '../../kernel/contract.ts';
import { TAGS } from '../../wire/tags.ts';

export interface LeafOutput {
  readonly name: string;
  readonly dtype: Dtype;
  readonly region: Region;
  /** Blob root of the region's C-order little-endian bytes. */
  readonly digest: Digest;
}

export interface ResultLeaf {
  readonly shard: number;
  /** In the kernel's output order. */
  readonly outputs: readonly LeafOutput[];
  /** Node ids of the workers that agree, ascending. */
  readonly workers: readonly NodeId[];
}

/** Canonical DAG-CBOR of a leaf. */
export function resultLeafBytes(leaf: ResultLeaf): Uint8Array {
  const writer = new LeafWriter();
  return writer.write(leaf).slice();
}

/** RFC 6962 leaf hashes of many leaves in shard order, packed 32 bytes each. */
export function resultLeafHashes(leaves: Iterable<ResultLeaf>, leafCount: number): Uint8Array {
  const hashes = new Uint8Array(leafCount * DIGEST_BYTES);
  const writer = new LeafWriter();
  let at = 0;
  for (const leaf of leaves) {
    hashes.set(writer.hash(leaf), at);
    at += DIGEST_BYTES;
  }
  return hashes;
}

/** `leafHashes`: packed, in shard order. */
export function resultsRootOf(leafHashes: Uint8Array): Digest {
  return countedRoot(TAGS.results, leafHashes.length / DIGEST_BYTES, packedTreeHash(leafHashes));
}

// CBOR major types (RFC 8949, section 3.1), in the three high bits of an item's first byte.
const UNSIGNED_INTEGER = 0x00;
const BYTE_STRING = 0x40;
const TEXT = 0x60;
const ARRAY = 0x80;
const MAP = 0xa0;

/** Map keys in DAG-CBOR's order, shorter first: each with its own head byte. */
const KEYS = {
  shard: textItem('shard'),
  outputs: textItem('outputs'),
  workers: textItem('workers'),
  name: textItem('name'),
  dtype: textItem('dtype'),
  digest: textItem('digest'),
  region: textItem('region'),
  shape: textItem('shape'),
  offset: textItem('offset'),
};

function textItem(text: string): Uint8Array {
  const bytes = utf8(text);
  return Uint8Array.of(TEXT | bytes.length, ...bytes);
}

/** One growing buffer for all leaves; its first byte is the leaf prefix of the Merkle tree. */
class LeafWriter {
  #buffer = new Uint8Array(4096);
  #length = 0;
  /** Output names and dtypes repeat in every leaf. */
  readonly #texts = new Map<string, Uint8Array>();

  /** The leaf's bytes, valid until the next call. */
  write(leaf: ResultLeaf): Uint8Array {
    this.#length = 1;
    this.#head(MAP, 3);
    this.#raw(KEYS.shard);
    this.#head(UNSIGNED_INTEGER, leaf.shard);
    this.#raw(KEYS.outputs);
    this.#head(ARRAY, leaf.outputs.length);
    for (const output of leaf.outputs) this.#output(output);
    this.#raw(KEYS.workers);
    this.#head(ARRAY, leaf.workers.length);
    for (const worker of leaf.workers) this.#bytes(worker);
    return this.#buffer.subarray(1, this.#length);
  }

  /** RFC 6962 hash of the leaf. */
  hash(leaf: ResultLeaf): Digest {
    this.write(leaf);
    this.#buffer[0] = 0x00;
    return sha256(this.#buffer.subarray(0, this.#length));
  }

  #output(output: LeafOutput): void {
    this.#head(MAP, 4);
    this.#raw(KEYS.name);
    this.#text(output.name);
    this.#raw(KEYS.dtype);
    this.#text(output.dtype);
    this.#raw(KEYS.digest);
    this.#bytes(output.digest);
    this.#raw(KEYS.region);
    this.#head(MAP, 2);
    this.#raw(KEYS.shape);
    this.#integers(output.region.shape);
    this.#raw(KEYS.offset);
    this.#integers(output.region.offset);
  }

  #integers(values: readonly number[]): void {
    this.#head(ARRAY, values.length);
    for (const value of values) this.#head(UNSIGNED_INTEGER, value);
  }

  #text(text: string): void {
    let bytes = this.#texts.get(text);
    if (bytes === undefined) {
      bytes = utf8(text);
      this.#texts.set(text, bytes);
    }
    this.#head(TEXT, bytes.length);
    this.#raw(bytes);
  }

  #bytes(bytes: Uint8Array): void {
    this.#head(BYTE_STRING, bytes.length);
    this.#raw(bytes);
  }

  /** An item's head with its argument in the shortest form; arguments below 2^53. */
  #head(major: number, argument: number): void {
    this.#reserve(9);
    const buffer = this.#buffer;
    if (argument < 24) {
      buffer[this.#length++] = major | argument;
      return;
    }
    const width = argument < 0x100 ? 1 : argument < 0x1_0000 ? 2 : argument < 0x1_0000_0000 ? 4 : 8;
    buffer[this.#length++] = major | (23 + Math.log2(width) + 1);
    let rest = argument;
    for (let i = width - 1; i >= 0; i--) {
      buffer[this.#length + i] = rest % 256;
      rest = Math.floor(rest / 256);
    }
    this.#length += width;
  }

  #raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #reserve(extra: number): void {
    if (this.#length + extra <= this.#buffer.length) return;
    const grown = new Uint8Array(2 * (this.#length + extra));
    grown.set(this.#buffer);
    this.#buffer = grown;
  }
}
