/**
 * The job spec and the ids that follow from it (job.md section 2, docs/protocol/job.md). No
 * signature is inside what is hashed, so nothing here is circular.
 */
import { type Digest, NODE_ID_BYTES, SIGNATURE_BYTES } from '../base/ids.ts';
import { taggedHash } from '../crypto/portable/hash.ts';
import { DTYPES } from '../kernel/contract.ts';
import { requirementShape } from '../swarm/requirement.ts';
import { encodeCanonical } from '../wire/cbor.ts';
import { LIMITS } from '../wire/limits.ts';
import {
  bytes,
  dictionary,
  type Infer,
  integer,
  list,
  oneOf,
  optional,
  type Shape,
  struct,
  text,
} from '../wire/shape.ts';
import { TAGS } from '../wire/tags.ts';

const parameterShape: Shape<number | string | boolean> = (value, path) => {
  if (typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))) {
    return undefined;
  }
  return text(4096)(value, path);
};

export const inputRefShape = struct({
  name: text(64),
  dtype: oneOf(...DTYPES),
  shape: list(integer(0), 8),
  /** Blob root of the array's C-order little-endian bytes. */
  root: bytes(32),
});
export type InputRef = Infer<typeof inputRefShape>;

export const policyShape = struct({
  /** R: workers that run each shard at first. */
  replicas: integer(1, LIMITS.replicasMax),
  /** Q: workers that must agree; 1 <= Q <= R. */
  quorum: integer(1, LIMITS.replicasMax),
  /** Seats; 0: no cadre and no certificate, the requester judges alone. */
  cadre: integer(0, LIMITS.cadreSeatsMax),
  /** The job fails when it is not done this long after the plan; 0: no deadline. */
  deadlineMs: integer(0),
  /** A worker that has not sealed a shard this long after its wave opened is overdue. */
  sealMs: integer(1),
  /** A worker that has not revealed this long after its seal set closed is overdue. */
  revealMs: integer(1),
});
export type Policy = Infer<typeof policyShape>;

export const jobSpecShape = struct({
  v: oneOf(1),
  kernel: text(64),
  kernelDigest: bytes(32),
  /** With defaults filled in. */
  parameters: dictionary(parameterShape, 64),
  inputs: list(inputRefShape, 64),
  shards: integer(1, LIMITS.shardsMax),
  policy: policyShape,
  /** What workers' devices must be; absent: anything. */
  requires: optional(requirementShape),
  /** Workers compute every shard anew, whatever they remember; absent: they need not. */
  fresh: optional(oneOf(true)),
  network: text(64),
  nonce: bytes(16),
  requester: bytes(NODE_ID_BYTES),
});
export type JobSpec = Infer<typeof jobSpecShape>;

/** `signature`: the requester's identity key over tag signJobSpec and the canonical spec. */
export const signedJobSpecShape = struct({
  spec: jobSpecShape,
  signature: bytes(SIGNATURE_BYTES),
});
export type SignedJobSpec = Infer<typeof signedJobSpecShape>;

export function jobIdOf(spec: JobSpec): Digest {
  return taggedHash(TAGS.jobSpec, encodeCanonical(spec));
}

/** What is computed, whoever asks and however it is cut: no nonce, no shard count. */
export function computationIdOf(
  spec: Pick<JobSpec, 'kernelDigest' | 'parameters' | 'inputs'>,
): Digest {
  const { kernelDigest, parameters, inputs } = spec;
  return taggedHash(TAGS.computation, encodeCanonical({ kernelDigest, parameters, inputs }));
}
