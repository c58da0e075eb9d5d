/**
 * Shards that this worker computed before, by what was computed: a job that failed half-way, was
 * cancelled or lost its cadre is submitted again and resumes where it was. Only for the requester
 * that it was computed for, because time tells: a quick answer to somebody else would say what
 * others compute. Bounded, least recently used first (docs/protocol/job.md, "Reuse").
 */
import { toHex } from '../base/bytes.ts';
import { type Digest, peerIdOf } from '../base/ids.ts';
import type { BlobStore } from '../base/ports.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { computationIdOf } from '../job/spec.ts';

/** A shard's output roots, in the kernel's output order. */
export interface ShardRoots {
  readonly shard: number;
  readonly outputs: readonly { readonly root: Digest }[];
}

/** What a worker knows of the shards of one plan. */
export interface PlanResults {
  /** Those of the shards whose results are known and still held here. */
  recall(shards: readonly number[]): Promise<ReadonlyMap<number, ShardRoots>>;
  remember(results: readonly ShardRoots[]): void;
}

export interface KnownResultsInit {
  /** Shards remembered at most; each takes a few hundred bytes. */
  readonly shardsMax: number;
  /** Shards that cost less than this are computed again: that is cheaper than looking. */
  readonly worthMs: number;
}

export const KNOWN_RESULTS_DEFAULTS: KnownResultsInit = { shardsMax: 16_384, worthMs: 5 };

const NOTHING: PlanResults = { recall: async () => new Map(), remember: () => {} };

export class KnownResults {
  readonly #blobs: Pick<BlobStore, 'size'>;
  readonly #init: KnownResultsInit;
  /** Least recently used first. */
  readonly #known = new Map<string, ShardRoots>();

  constructor(
    components: { readonly blobs: Pick<BlobStore, 'size'> },
    init: KnownResultsInit = KNOWN_RESULTS_DEFAULTS,
  ) {
    this.#blobs = components.blobs;
    this.#init = init;
  }

  /** `speed`: operations per second of the plan's kernel here. */
  of({ spec, kernel }: OpenPlan, speed: number): PlanResults {
    // A requester that doubts earlier results says so in what it signs.
    if (spec.fresh === true) return NOTHING;
    const cut = `${peerIdOf(spec.requester)} ${toHex(computationIdOf(spec))} ${spec.shards}`;
    const isWorth = (shard: number) =>
      (kernel.cost(spec.shards, shard).operations / speed) * 1000 >= this.#init.worthMs;
    return {
      recall: (shards) => this.#recall(cut, shards.filter(isWorth)),
      remember: (results) =>
        this.#remember(
          cut,
          results.filter(({ shard }) => isWorth(shard)),
        ),
    };
  }

  async #recall(cut: string, shards: readonly number[]): Promise<Map<number, ShardRoots>> {
    const found = new Map<number, ShardRoots>();
    for (const shard of shards) {
      const known = this.#known.get(`${cut} ${shard}`);
      if (known !== undefined && (await this.#areHeld(known))) found.set(shard, known);
    }
    this.#remember(cut, [...found.values()]);
    return found;
  }

  async #areHeld({ outputs }: ShardRoots): Promise<boolean> {
    const sizes = await Promise.all(outputs.map(({ root }) => this.#blobs.size(root)));
    return !sizes.includes(undefined);
  }

  #remember(cut: string, results: readonly ShardRoots[]): void {
    for (const { shard, outputs } of results) {
      const key = `${cut} ${shard}`;
      this.#known.delete(key);
      // Roots alone: the contents are the store's.
      this.#known.set(key, { shard, outputs: outputs.map(({ root }) => ({ root })) });
    }
    for (const key of this.#known.keys()) {
      if (this.#known.size <= this.#init.shardsMax) break;
      this.#known.delete(key);
    }
  }
}
