/**
 * What a worker has computed and sealed for one plan: salts and digests by seal, ready to be opened
 * shard by shard. Pure bookkeeping; sending and storing is the worker's business.
 */
import { concatBytes } from '../base/bytes.ts';
import type { Digest } from '../base/ids.ts';
import type { Random, Signer } from '../base/ports.ts';
import { buildReveal, buildSeal, encodeRecord } from '../job/build-record.ts';
import { recordIdOf, SALT_BYTES } from '../job/records.ts';
import { sealBatch } from '../job/sealing.ts';
import { packShards } from '../job/shard-list.ts';
import type { SealedRecord } from '../store/work-store.ts';
import type { ShardRoots } from './known-results.ts';

interface SealedBatch {
  readonly id: Digest;
  readonly encoded: Uint8Array;
  readonly wave: number;
  readonly shards: readonly number[];
  readonly salts: Uint8Array;
  /** Output digests, 32 bytes each, `outputsPerShard` per shard. */
  readonly digests: Uint8Array;
  readonly opened: Set<number>;
}

export interface SealedWorkInit {
  readonly planId: Digest;
  readonly outputsPerShard: number;
}

export class SealedWork {
  readonly #signer: Signer;
  readonly #random: Random;
  readonly #init: SealedWorkInit;
  readonly #batches: SealedBatch[] = [];
  readonly #reveals: Uint8Array[] = [];

  constructor(components: { signer: Signer; random: Random }, init: SealedWorkInit) {
    this.#signer = components.signer;
    this.#random = components.random;
    this.#init = init;
  }

  /** Seals results of one wave (ascending shards): the signed record, and what opens it later. */
  seal(wave: number, results: readonly ShardRoots[]): SealedRecord {
    const { planId } = this.#init;
    const worker = this.#signer.nodeId;
    const shards = results.map((result) => result.shard);
    const salts = this.#random.bytes(results.length * SALT_BYTES);
    const digests = concatBytes(results.flatMap((r) => r.outputs.map((output) => output.root)));
    const { tuples } = sealBatch({ planId, worker, shards, salts, digests });
    const seal = buildSeal(this.#signer, { planId, wave, shards }, tuples);
    const { bytes: encoded } = encodeRecord(seal);
    return { kind: 'sealed', wave, shards: packShards(shards), record: encoded, salts, digests };
  }

  /** From now on it can be opened: once it is logged, or was by an earlier process. */
  keep(sealed: SealedRecord, shards: readonly number[]): void {
    const { record: encoded, wave, salts, digests } = sealed;
    const id = recordIdOf(encoded);
    this.#batches.push({ id, encoded, wave, shards, salts, digests, opened: new Set() });
  }

  /** Roots of everything sealed here; a revealed result must be there to be fetched. */
  *roots(): Generator<Digest> {
    for (const { digests } of this.#batches) {
      for (let at = 0; at < digests.length; at += 32) yield digests.subarray(at, at + 32);
    }
  }

  /** Opens these shards of a wave where they are sealed and not open yet; one record per seal. */
  open(wave: number, shards: readonly number[]): Uint8Array[] {
    const wanted = new Set(shards);
    const records = this.#batches
      .filter((batch) => batch.wave === wave)
      .map((batch) => this.#openBatch(batch, wanted))
      .filter((record) => record !== undefined);
    this.#reveals.push(...records);
    return records;
  }

  /** Those of the shards that are sealed, in whatever wave. */
  holding(shards: readonly number[]): ReadonlySet<number> {
    const wanted = new Set(shards);
    return new Set(
      this.#batches.flatMap((batch) => batch.shards.filter((shard) => wanted.has(shard))),
    );
  }

  /** Every record made so far, seals first: what a judge that restarted needs again. */
  records(): readonly Uint8Array[] {
    return [...this.#batches.map((batch) => batch.encoded), ...this.#reveals];
  }

  #openBatch(batch: SealedBatch, wanted: ReadonlySet<number>): Uint8Array | undefined {
    const width = this.#init.outputsPerShard * 32;
    const shards: number[] = [];
    const salts: Uint8Array[] = [];
    const digests: Uint8Array[] = [];
    batch.shards.forEach((shard, i) => {
      if (!wanted.has(shard) || batch.opened.has(shard)) return;
      batch.opened.add(shard);
      shards.push(shard);
      salts.push(batch.salts.subarray(i * SALT_BYTES, (i + 1) * SALT_BYTES));
      digests.push(batch.digests.subarray(i * width, (i + 1) * width));
    });
    if (shards.length === 0) return undefined;
    const scope = { planId: this.#init.planId, wave: batch.wave, shards };
    const opening = {
      worker: this.#signer.nodeId,
      seal: batch.id,
      salts: concatBytes(salts),
      digests: concatBytes(digests),
    };
    return encodeRecord(buildReveal(scope, opening)).bytes;
  }
}
