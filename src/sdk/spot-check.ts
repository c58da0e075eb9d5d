/**
 * Shards of somebody else's certified job, drawn by chance and run here: a certificate in which a
 * part w of the shards is wrong passes k of them with probability (1 - w)^k
 * (docs/protocol/job.md, "Reuse").
 */
import { equalBytes, toHex } from '../base/bytes.ts';
import { KadreError } from '../base/errors.ts';
import type { BlobStore, Random, SignalOption } from '../base/ports.ts';
import type { ExecutionInput, Executor } from '../compute/executor.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import type { FinishedJob } from '../roles/finished-job.ts';
import { uniteRanges } from '../roles/input-cache.ts';

export interface SpotCheckComponents {
  /** Holds the job's inputs, which the submitter of the same work has. */
  readonly blobs: Pick<BlobStore, 'read'>;
  readonly random: Pick<Random, 'integer'>;
  readonly executor: Pick<Executor, 'run'>;
}

/** k: with half of the shards wrong, one such certificate in eight passes. */
export const SPOT_CHECKS = 3;

/**
 * Resolves when every shard drawn has the certified digests. Errors: OUTPUT_MISMATCH,
 * BLOB_UNAVAILABLE, and those of the executor.
 */
export async function spotCheck(
  components: SpotCheckComponents,
  { plan, results }: Pick<FinishedJob, 'plan' | 'results'>,
  options: SignalOption,
): Promise<void> {
  const { kernel, parameters, shards: shardCount } = plan.spec;
  const shards = drawShards(components.random, shardCount);
  const inputs = await inputsFor(components.blobs, plan, shards);
  const work = { kernel, parameters, inputs, shardCount, shards };
  const width = plan.outputsPerShard;
  for (const { shard, outputs } of await components.executor.run(work, options)) {
    for (const [output, { root }] of outputs.entries()) {
      const { digest } = results.pieces[shard * width + output]!;
      if (equalBytes(root, digest)) continue;
      const data = { shard, output, certified: toHex(digest), computed: toHex(root) };
      const message = `shard ${shard} has other values here than its certificate says`;
      throw new KadreError({ code: 'OUTPUT_MISMATCH', data }, message);
    }
  }
}

/** Distinct, ascending; all of a job that has no more. */
function drawShards(random: Pick<Random, 'integer'>, shardCount: number): number[] {
  const drawn = new Set<number>();
  while (drawn.size < Math.min(SPOT_CHECKS, shardCount)) drawn.add(random.integer(shardCount));
  return [...drawn].sort((a, b) => a - b);
}

/** What these shards read, as segments that hold each range whole. */
async function inputsFor(
  blobs: Pick<BlobStore, 'read'>,
  { spec, kernel }: OpenPlan,
  shards: readonly number[],
): Promise<ExecutionInput[]> {
  const reads = shards.flatMap((shard) => kernel.reads(spec.shards, shard));
  const read = async ({ name, shape, root }: (typeof spec.inputs)[number]) => {
    const ranges = uniteRanges(reads.filter(({ input }) => input === name));
    const segments = await Promise.all(
      ranges.map(async ({ offset, length }) => {
        const bytes = await blobs.read(root, offset, length);
        if (bytes !== undefined) return { offset, bytes };
        throw new KadreError({ code: 'BLOB_UNAVAILABLE' }, `input \`${name}\` is not held here`);
      }),
    );
    return { name, shape, segments };
  };
  return Promise.all(spec.inputs.map(read));
}
