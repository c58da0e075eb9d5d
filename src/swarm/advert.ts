/**
 * An advert: a node's signed, expiring, sequence-numbered record of what it can do. This module
 * fixes its bytes; judging one is `check-advert.ts` (docs/protocol/advert.md).
 */
import { NODE_ID_BYTES, SIGNATURE_BYTES } from '../base/ids.ts';
import { LIMITS } from '../wire/limits.ts';
import {
  bytes,
  type Infer,
  integer,
  list,
  oneOf,
  optional,
  struct,
  text,
  variant,
} from '../wire/shape.ts';

export const ROLES = ['worker', 'cadre', 'relay'] as const;
export type Role = (typeof ROLES)[number];

const deviceName = text(64, /^(?:cpu|cuda)\/[a-z0-9_]+$/);

export const deviceShape = variant('kind', {
  cpu: struct({
    kind: oneOf('cpu'),
    /** `cpu/avx2`, `cpu/avx512`, `cpu/js`: the best backend that passed its self-test. */
    name: deviceName,
    model: text(128),
    /** Cores shared with the swarm. */
    cores: integer(1, 4096),
    /** Bytes shared with the swarm. */
    memory: integer(0),
    features: list(text(32, /^[a-z0-9_]+$/), 64),
  }),
  cuda: struct({
    kind: oneOf('cuda'),
    name: deviceName,
    model: text(128),
    /** Compute capability times ten: 90 is sm_90. */
    capability: integer(10, 999),
    memory: integer(0),
    /** CUDA driver version as the driver reports it, e.g. 12040. */
    driver: integer(0),
  }),
});
export type Device = Infer<typeof deviceShape>;

export const kernelOfferShape = struct({
  id: text(64, /^[a-z0-9.]+@\d{1,4}$/),
  digest: bytes(32),
  backend: deviceName,
  /** Operations per second, measured at start; placement caps it at 64 times the median. */
  speed: integer(1),
});
export type KernelOffer = Infer<typeof kernelOfferShape>;

/** Of `open`, the puzzle's solution; of `invite`, the authority's signature (`admission.ts`). */
const admissionShape = struct({
  kind: oneOf('open', 'invite'),
  proof: bytes(SIGNATURE_BYTES),
});
export type Admission = Infer<typeof admissionShape>;

export const advertShape = struct({
  v: oneOf(1),
  node: bytes(NODE_ID_BYTES),
  network: text(64),
  /** Grows with every advert of this node; ties are broken by nothing: equal means replayed. */
  sequence: integer(1),
  issuedMs: integer(0),
  expiresMs: integer(0),
  software: text(64),
  roles: list(oneOf(...ROLES), ROLES.length),
  addresses: list(text(256), 16),
  devices: list(deviceShape, 16),
  kernels: list(kernelOfferShape, 128),
  load: struct({
    /** Shards queued or running. */
    shards: integer(0, LIMITS.shardsMax),
    /** Live plans that this node serves as worker or member. */
    plans: integer(0, 1024),
  }),
  /** Present exactly where the network asks for it. */
  admission: optional(admissionShape),
});
export type Advert = Infer<typeof advertShape>;

/** `signature`: identity key over tag signAdvert and the canonical advert. */
export const signedAdvertShape = struct({
  advert: advertShape,
  signature: bytes(SIGNATURE_BYTES),
});
export type SignedAdvert = Infer<typeof signedAdvertShape>;
