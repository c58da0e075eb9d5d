/**
 * The result leaves of a certificate as columns (docs/protocol/certificate.md, section 3): written
 * from leaves, and read back one leaf at a time without decoding the others.
 */
import { concatBytes } from '../base/bytes.ts';
import { DIGEST_BYTES, type Digest } from '../base/ids.ts';
import { accept, type Checked, refuse } from '../base/verdict.ts';
import type { ArraySpec, Region } from '../kernel/contract.ts';
import { type CertificateResults, POSITION_BYTES } from './format.ts';

/** What the ledger accepted for one shard. */
export interface AcceptedShard {
  /** Per output. */
  readonly regions: readonly Region[];
  /** Blob root of each output's region, joined. */
  readonly digests: Uint8Array;
  /** Roster positions of the workers that agreed, ascending. */
  readonly workers: readonly number[];
}

/** Extents at or above this need the wide spelling of regions. */
const WIDE_FROM = 2 ** 32;

function extentBytes(outputs: readonly ArraySpec[]): 4 | 8 {
  return outputs.some((output) => output.shape.some((extent) => extent >= WIDE_FROM)) ? 8 : 4;
}

function writeExtent(view: DataView, at: number, value: number, bytes: 4 | 8): void {
  if (bytes === 8) view.setUint32(at, Math.floor(value / WIDE_FROM));
  view.setUint32(at + bytes - 4, value % WIDE_FROM);
}

function readExtent(view: DataView, at: number, bytes: 4 | 8): number {
  return bytes === 4 ? view.getUint32(at) : view.getUint32(at) * WIDE_FROM + view.getUint32(at + 4);
}

export function packResults(
  outputs: readonly ArraySpec[],
  shards: readonly AcceptedShard[],
): CertificateResults {
  const width = extentBytes(outputs);
  const rankSum = outputs.reduce((sum, { shape }) => sum + shape.length, 0);
  const regions = new Uint8Array(shards.length * 2 * rankSum * width);
  const regionView = new DataView(regions.buffer);
  const workers = new Uint8Array(
    shards.reduce((sum, shard) => sum + shard.workers.length, 0) * POSITION_BYTES,
  );
  const workerView = new DataView(workers.buffer);
  let regionAt = 0;
  let workerAt = 0;
  for (const shard of shards) {
    for (const extent of shard.regions.flatMap(({ offset, shape }) => [...offset, ...shape])) {
      writeExtent(regionView, regionAt, extent, width);
      regionAt += width;
    }
    for (const position of shard.workers) {
      workerView.setUint16(workerAt, position);
      workerAt += POSITION_BYTES;
    }
  }
  return {
    outputs: outputs.map(({ name, dtype, shape }) => ({ name, dtype, shape: [...shape] })),
    digests: concatBytes(shards.map((shard) => shard.digests)),
    regions,
    counts: Uint8Array.from(shards, (shard) => shard.workers.length),
    workers,
  };
}

/** Leaves by shard number; positions are roster positions. */
export class ResultColumns {
  readonly shardCount: number;
  readonly outputs: readonly ArraySpec[];
  readonly #results: CertificateResults;
  readonly #regionView: DataView;
  readonly #workerView: DataView;
  readonly #extentBytes: 4 | 8;
  /** Byte offset of each output's region within a shard's, then the bytes of all. */
  readonly #regionOffsets: readonly number[];
  /** Index of each shard's first entry in `workers`, then their number. */
  readonly #workerStarts: Uint32Array;

  constructor(results: CertificateResults) {
    const { outputs, regions, counts, workers } = results;
    this.shardCount = counts.length;
    this.outputs = outputs;
    this.#results = results;
    this.#regionView = new DataView(regions.buffer, regions.byteOffset, regions.length);
    this.#workerView = new DataView(workers.buffer, workers.byteOffset, workers.length);
    this.#extentBytes = extentBytes(outputs);
    const offsets = [0];
    for (const { shape } of outputs) {
      offsets.push(offsets.at(-1)! + 2 * shape.length * this.#extentBytes);
    }
    this.#regionOffsets = offsets;
    this.#workerStarts = new Uint32Array(counts.length + 1);
    for (let shard = 0; shard < counts.length; shard++) {
      this.#workerStarts[shard + 1] = this.#workerStarts[shard]! + counts[shard]!;
    }
  }

  /** Reasons: `wrong-leaf-count`, `wrong-columns` (a column's length contradicts another's). */
  static open(results: CertificateResults, shardCount: number): Checked<ResultColumns> {
    if (results.counts.length !== shardCount) return refuse('wrong-leaf-count');
    const columns = new ResultColumns(results);
    return columns.#isComplete() ? accept(columns) : refuse('wrong-columns');
  }

  #isComplete(): boolean {
    const { digests, regions, workers } = this.#results;
    return (
      digests.length === this.shardCount * this.outputs.length * DIGEST_BYTES &&
      regions.length === this.shardCount * this.#regionOffsets.at(-1)! &&
      workers.length === this.pairCount * POSITION_BYTES
    );
  }

  /** (shard, worker) pairs in all leaves together. */
  get pairCount(): number {
    return this.#workerStarts.at(-1)!;
  }

  /** Number of the pair made of a shard and its first worker; the others follow. */
  firstPair(shard: number): number {
    return this.#workerStarts[shard]!;
  }

  region(shard: number, output: number): Region {
    const rank = this.outputs[output]!.shape.length;
    const bytes = this.#extentBytes;
    const start = shard * this.#regionOffsets.at(-1)! + this.#regionOffsets[output]!;
    const offset = new Array<number>(rank);
    const shape = new Array<number>(rank);
    for (let d = 0; d < rank; d++) {
      offset[d] = readExtent(this.#regionView, start + d * bytes, bytes);
      shape[d] = readExtent(this.#regionView, start + (rank + d) * bytes, bytes);
    }
    return { offset, shape };
  }

  /** All regions of one output, by shard. */
  *regions(output: number): Generator<Region> {
    for (let shard = 0; shard < this.shardCount; shard++) yield this.region(shard, output);
  }

  digest(shard: number, output: number): Digest {
    const at = (shard * this.outputs.length + output) * DIGEST_BYTES;
    return this.#results.digests.subarray(at, at + DIGEST_BYTES);
  }

  /** Digests of all outputs of a shard, joined. */
  digests(shard: number): Uint8Array {
    const bytes = this.outputs.length * DIGEST_BYTES;
    return this.#results.digests.subarray(shard * bytes, (shard + 1) * bytes);
  }

  workers(shard: number): number[] {
    const positions: number[] = [];
    for (let i = this.#workerStarts[shard]!; i < this.#workerStarts[shard + 1]!; i++) {
      positions.push(this.#workerView.getUint16(i * POSITION_BYTES));
    }
    return positions;
  }
}
