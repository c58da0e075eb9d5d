/**
 * The result leaves without hashing: outputs, exact tiling, workers, quorum
 * (docs/protocol/certificate.md, section 3); and, apart, their root.
 */
import type { Digest } from '../base/ids.ts';
import { type Refusal, refuse } from '../base/verdict.ts';
import { type ResultLeaf, resultLeafHashes, resultsRootOf } from '../job/ledger/results.ts';
import type { JobSpec } from '../job/spec.ts';
import { workerSpeed } from '../job/worker-speed.ts';
import type { ArraySpec, Region, ResolvedKernel } from '../kernel/contract.ts';
import { LIMITS } from '../wire/limits.ts';
import type { RosterView } from './check-roster.ts';
import type { ResultColumns } from './result-columns.ts';
import { isInside, isTileable, tilesExactly } from './tiling.ts';

/**
 * Reasons: `duplicate-output`, `output-too-large`, `region-outside-output`, `not-a-tiling`,
 * `wrong-output-shape`; against a known kernel `wrong-outputs`, `wrong-regions`.
 */
export function checkRegions(
  columns: ResultColumns,
  kernel: ResolvedKernel | undefined,
): Refusal | undefined {
  const { outputs } = columns;
  if (new Set(outputs.map((output) => output.name)).size !== outputs.length) {
    return refuse('duplicate-output');
  }
  if (kernel !== undefined && !sameArrays(outputs, kernel.outputs)) return refuse('wrong-outputs');
  for (let output = 0; output < outputs.length; output++) {
    const problem = checkTiling(columns, output);
    if (problem !== undefined) return problem;
  }
  return kernel === undefined ? undefined : checkPlannedRegions(columns, kernel);
}

function checkTiling(columns: ResultColumns, output: number): Refusal | undefined {
  const { name, shape } = columns.outputs[output]!;
  const corners = columns.shardCount * 2 ** shape.length;
  if (!isTileable(shape) || corners > LIMITS.tilingCornersMax) {
    return refuse('output-too-large', 'reject', name);
  }
  const ends = shape.map(() => 0);
  for (const region of columns.regions(output)) {
    if (!isInside(region, shape)) return refuse('region-outside-output', 'reject', name);
    for (let d = 0; d < ends.length; d++) {
      ends[d] = Math.max(ends[d]!, region.offset[d]! + region.shape[d]!);
    }
  }
  if (!tilesExactly(shape, columns.regions(output))) return refuse('not-a-tiling', 'reject', name);
  // Only an output without elements gets here with another shape: no region says how large it is.
  return ends.every((end, d) => end === shape[d])
    ? undefined
    : refuse('wrong-output-shape', 'reject', name);
}

function checkPlannedRegions(columns: ResultColumns, kernel: ResolvedKernel): Refusal | undefined {
  for (let shard = 0; shard < columns.shardCount; shard++) {
    const planned = kernel.regions(columns.shardCount, shard);
    for (const [output, region] of planned.entries()) {
      if (!sameRegion(columns.region(shard, output), region)) {
        return refuse('wrong-regions', 'reject', `shard ${shard}`);
      }
    }
  }
  return undefined;
}

/**
 * Every shard was accepted by enough able workers. Reasons: `too-few-workers`, `too-many-workers`,
 * `workers-not-ascending`, `worker-not-in-roster`, `worker-not-capable`, `worker-holds-seat`.
 */
export function checkWorkers(
  columns: ResultColumns,
  spec: JobSpec,
  roster: RosterView,
  seatPositions: readonly number[],
): Refusal | undefined {
  const { replicas, quorum } = spec.policy;
  const mayOverlap = mayCadreWork(spec, roster.count);
  const seats = new Set(seatPositions);
  const judged = new Map<number, Refusal | undefined>();
  for (let shard = 0; shard < columns.shardCount; shard++) {
    const workers = columns.workers(shard);
    if (workers.length < quorum) return refuse('too-few-workers', 'reject', `shard ${shard}`);
    if (workers.length > 2 * replicas + 1) return refuse('too-many-workers');
    for (const [i, position] of workers.entries()) {
      if (i > 0 && position <= workers[i - 1]!) return refuse('workers-not-ascending');
      if (!judged.has(position)) judged.set(position, judgeWorker(spec, roster, position));
      const problem = judged.get(position);
      if (problem !== undefined) return problem;
      if (!mayOverlap && seats.has(position)) return refuse('worker-holds-seat');
    }
  }
  return undefined;
}

/** Disjoint where the roster has room for both: at least n + 2R nodes (job.md section 2). */
export function mayCadreWork(spec: JobSpec, rosterCount: number): boolean {
  return rosterCount < spec.policy.cadre + 2 * spec.policy.replicas;
}

function judgeWorker(spec: JobSpec, roster: RosterView, position: number): Refusal | undefined {
  const signed = roster.at(position);
  if (signed === undefined) return refuse('worker-not-in-roster');
  return workerSpeed(signed.advert, spec) === undefined ? refuse('worker-not-capable') : undefined;
}

/** The results root over all leaves, as the ledger computes it. */
export function rootOfColumns(columns: ResultColumns, roster: Pick<RosterView, 'at'>): Digest {
  return resultsRootOf(resultLeafHashes(leavesOf(columns, roster), columns.shardCount));
}

function* leavesOf(columns: ResultColumns, roster: Pick<RosterView, 'at'>): Generator<ResultLeaf> {
  for (let shard = 0; shard < columns.shardCount; shard++) {
    const outputs = columns.outputs.map(({ name, dtype }, output) => ({
      name,
      dtype,
      region: columns.region(shard, output),
      digest: columns.digest(shard, output),
    }));
    const workers = columns.workers(shard).map((position) => roster.at(position)!.advert.node);
    yield { shard, outputs, workers };
  }
}

function sameArrays(a: readonly ArraySpec[], b: readonly ArraySpec[]): boolean {
  return (
    a.length === b.length &&
    a.every((array, i) => {
      const other = b[i]!;
      return (
        array.name === other.name &&
        array.dtype === other.dtype &&
        sameNumbers(array.shape, other.shape)
      );
    })
  );
}

function sameRegion(a: Region, b: Region): boolean {
  return sameNumbers(a.offset, b.offset) && sameNumbers(a.shape, b.shape);
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
