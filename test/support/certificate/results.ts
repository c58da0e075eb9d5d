/** Results, seals and reveals of a test certificate. */
import { concatBytes } from '../../../src/base/bytes.ts';
import { blobRoot } from '../../../src/blob/tree.ts';
import { gatherRegion } from '../../../src/certificate/check-arrays.ts';
import type { AcceptedShard } from '../../../src/certificate/result-columns.ts';
import { signTagged } from '../../../src/crypto/portable/signed.ts';
import { type Plan, planIdOf, seedOf } from '../../../src/job/plan.ts';
import {
  type RevealRecord,
  recordIdOf,
  SALT_BYTES,
  type SealRecord,
  sealBatchRoot,
  sealBody,
  sealedTuple,
  sealLeaves,
  shardResultDigest,
} from '../../../src/job/records.ts';
import { packShards } from '../../../src/job/shard-list.ts';
import type { JobSpec } from '../../../src/job/spec.ts';
import { type ArraySpec, arrayBytes, type ResolvedKernel } from '../../../src/kernel/contract.ts';
import { arrayOfBytes, type NdArray } from '../../../src/kernel/nd-array.ts';
import { findKernel } from '../../../src/kernel/registry.ts';
import { capWeights, place } from '../../../src/swarm/placement.ts';
import { encodeCanonical } from '../../../src/wire/cbor.ts';
import { TAGS } from '../../../src/wire/tags.ts';
import type { Seats, Swarm } from './parties.ts';
import { labelled, type Recipe } from './recipe.ts';

interface Planned {
  /** Before it was bent: what the results are computed from. */
  readonly plain: JobSpec;
  readonly spec: JobSpec;
  readonly plan: Plan;
  readonly swarm: Swarm;
  readonly seats: Seats;
}

interface Results {
  readonly specs: readonly ArraySpec[];
  readonly arrays: Readonly<Record<string, NdArray>>;
  readonly leaves: readonly AcceptedShard[];
  readonly seals: readonly SealRecord[];
  readonly reveals: readonly RevealRecord[];
}

export function makeResults(recipe: Recipe, planned: Planned): Results {
  const kernel = resolveOf(planned.plain);
  const specs = recipe.bend?.outputs?.(kernel.outputs) ?? kernel.outputs;
  const bytes = kernel.outputs.map(
    (output) => recipe.outputs?.[output.name] ?? outputBytes(planned.plain.kernel, output),
  );
  const waves = firstWaves(planned);
  const leaves = Array.from({ length: planned.plain.shards }, (_, shard) => {
    const regions = kernel.regions(planned.plain.shards, shard);
    const digests = regions.map((region, output) =>
      blobRoot(gatherRegion(bytes[output]!, kernel.outputs[output]!, region)),
    );
    const leaf = { regions, digests: concatBytes(digests), workers: waves(shard) };
    return recipe.bend?.leaf?.(leaf, shard) ?? leaf;
  });
  const arrays = Object.fromEntries(
    kernel.outputs.map((output, i) => [output.name, arrayOfBytes(output, bytes[i]!)]),
  );
  return { specs, arrays, leaves, ...sealAll(recipe, planned, leaves) };
}

function resolveOf(spec: JobSpec): ResolvedKernel {
  const resolved = findKernel(spec.kernel)!.resolve(spec.parameters, spec.inputs);
  if (!resolved.ok) throw new Error(resolved.reason);
  return resolved.value;
}

/**
 * noop writes zeros; other kernels get bytes that differ everywhere, as no arithmetic is at stake.
 */
function outputBytes(kernel: string, output: ArraySpec): Uint8Array {
  const bytes = new Uint8Array(arrayBytes(output));
  if (kernel !== 'noop@1') for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 131 + 7) & 63;
  return bytes;
}

/** Roster positions of each shard's first wave, ascending. */
function firstWaves({ plain, plan, swarm, seats }: Planned): (shard: number) => number[] {
  const { cadre, replicas } = plain.policy;
  const isDisjoint = swarm.adverts.length >= cadre + 2 * replicas;
  const positions = [...swarm.adverts.keys()].filter((position) => {
    const { roles, kernels } = swarm.adverts[position]!.advert;
    return (
      roles.includes('worker') && kernels.length > 0 && !(isDisjoint && seats.seated.has(position))
    );
  });
  const speeds = positions.map((position) => swarm.adverts[position]!.advert.kernels[0]!.speed);
  const weights = capWeights(speeds);
  const placed = place({
    seed: seedOf(planIdOf(plan)),
    candidates: positions.map((position, i) => ({
      node: swarm.adverts[position]!.advert.node,
      weight: weights[i]!,
    })),
    shardCount: plain.shards,
    replicas,
  });
  if (!placed.ok) throw new Error(placed.reason);
  return (shard) =>
    placed.value
      .firstWave(shard)
      .map((candidate) => positions[candidate]!)
      .sort((a, b) => a - b);
}

/** One seal and one reveal per worker, over all shards that it agreed on. */
function sealAll(
  recipe: Recipe,
  { plan, swarm }: Planned,
  leaves: readonly AcceptedShard[],
): Pick<Results, 'seals' | 'reveals'> {
  const planId = planIdOf(plan);
  const seals: SealRecord[] = [];
  const reveals: RevealRecord[] = [];
  for (const [position, signer] of swarm.signers.entries()) {
    const shards = [...leaves.keys()].filter((s) => leaves[s]!.workers.includes(position));
    if (shards.length === 0) continue;
    const salts = shards.map((shard) =>
      labelled(`${signer.peerId}/${shard}`).subarray(0, SALT_BYTES),
    );
    const digests = shards.map((shard) => leaves[shard]!.digests);
    const tuples = concatBytes(
      shards.map((shard, i) => {
        const digest = shardResultDigest(digests[i]!);
        return sealedTuple(digest, signer.nodeId, { planId, shard }, salts[i]!);
      }),
    );
    const plain = { planId, worker: signer.nodeId, wave: 0 };
    const body = sealBody(plain, sealBatchRoot(sealLeaves(shards, tuples)));
    const signature = signTagged(signer, TAGS.signSeal, body);
    const made: SealRecord = {
      kind: 'seal',
      ...plain,
      shards: packShards(shards),
      tuples,
      signature,
    };
    const seal = recipe.bend?.seal?.(made) ?? made;
    seals.push(seal);
    reveals.push({
      kind: 'reveal',
      ...plain,
      seal: recordIdOf(encodeCanonical(seal)),
      shards: packShards(shards),
      salts: concatBytes(salts),
      digests: concatBytes(digests),
    });
  }
  return { seals, reveals };
}
