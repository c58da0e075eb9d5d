/**
 * The certificate's bytes: shapes, sizes and strict decoding. What the fields mean, and why each
 * byte of them counts, is docs/protocol/certificate.md; judging them is `open.ts`.
 */
import { SIGNATURE_BYTES } from '../base/ids.ts';
import { accept, type Checked, refuse } from '../base/verdict.ts';
import { blockShape, commitCertShape } from '../consensus/types.ts';
import { cadreEntryShape, planShape } from '../job/plan.ts';
import { SALT_BYTES } from '../job/records.ts';
import { SHARD_NUMBER_BYTES } from '../job/shard-list.ts';
import { signedJobSpecShape } from '../job/spec.ts';
import { DTYPES } from '../kernel/contract.ts';
import { signedAdvertShape } from '../swarm/advert.ts';
import { decodeCanonical, encodeCanonical } from '../wire/cbor.ts';
import { LIMITS } from '../wire/limits.ts';
import {
  bytes,
  bytesUpTo,
  type Infer,
  integer,
  list,
  oneOf,
  optional,
  type Shape,
  struct,
  text,
  variant,
} from '../wire/shape.ts';
import { epochLinkShape } from './epochs.ts';
import { scanEncoding } from './scan.ts';

export const CERTIFICATE_VERSION = 1;
/** Bytes of a roster position where positions are packed. */
export const POSITION_BYTES = 2;

const position = integer(0, LIMITS.rosterAdvertsMax - 1);
const bulk = (unit: number) => bytesUpTo(LIMITS.certificateBytesMax, unit);

const memberShape = struct({
  index: position,
  advert: signedAdvertShape,
  /** Inclusion path, leaf to root, 32 bytes each. */
  path: bytesUpTo(32 * Math.ceil(Math.log2(LIMITS.rosterAdvertsMax)), 32),
});

const rosterShape = variant('kind', {
  whole: struct({
    kind: oneOf('whole'),
    adverts: list(signedAdvertShape, LIMITS.rosterAdvertsMax, 1),
  }),
  part: struct({
    kind: oneOf('part'),
    count: integer(1, LIMITS.rosterAdvertsMax),
    members: list(memberShape, LIMITS.rosterAdvertsMax, 1),
  }),
});
export type CertificateRoster = Infer<typeof rosterShape>;

const resultsShape = struct({
  outputs: list(
    struct({ name: text(64), dtype: oneOf(...DTYPES), shape: list(integer(0), 8) }),
    LIMITS.outputsMax,
    1,
  ),
  /** Per shard, per output: the blob root of the region's bytes. */
  digests: bulk(32),
  /** Per shard, per output: offset then extent, 4 or 8 bytes per dimension each. */
  regions: bulk(4),
  /** Per shard: how many workers agreed. */
  counts: bulk(1),
  /** Per shard, that many roster positions, ascending. */
  workers: bulk(POSITION_BYTES),
});
export type CertificateResults = Infer<typeof resultsShape>;

const receiptShape = struct({
  worker: position,
  wave: integer(0, 2 * LIMITS.replicasMax + 1),
  /** Shards whose tuples are opened. */
  shards: bytesUpTo(LIMITS.receiptPairsMax * SHARD_NUMBER_BYTES, SHARD_NUMBER_BYTES),
  salts: bytesUpTo(LIMITS.receiptPairsMax * SALT_BYTES, SALT_BYTES),
  /** The batch's other tuples, and their positions in it. */
  closed: bytesUpTo(LIMITS.recordShardsMax * 32, 32),
  closedAt: bytesUpTo(LIMITS.recordShardsMax * 4, 4),
  signature: bytes(SIGNATURE_BYTES),
});
export type Receipt = Infer<typeof receiptShape>;

const certificateShape = struct({
  v: oneOf(CERTIFICATE_VERSION),
  kind: oneOf('job'),
  job: signedJobSpecShape,
  plan: planShape,
  roster: rosterShape,
  cadre: list(cadreEntryShape, LIMITS.cadreSeatsMax, 1),
  /** Who took over a seat, oldest first. */
  epochs: list(epochLinkShape, LIMITS.epochsMax),
  commit: commitCertShape,
  headers: list(blockShape, LIMITS.certificateHeadersMax),
  results: resultsShape,
  /** Absent: attested only. */
  receipts: optional(list(receiptShape, LIMITS.receiptsMax, 1)),
});
export type Certificate = Infer<typeof certificateShape>;

export function encodeCertificate(certificate: Certificate): Uint8Array {
  return encodeCanonical(certificate);
}

/** Accepts anything: version and kind are looked at before the shape they belong to. */
const anything: Shape<unknown> = () => undefined;

/**
 * Strict decoding. Reasons: `too-large`, those of `scanEncoding`, `not-canonical`, `wrong-version`,
 * `wrong-kind`, `wrong-shape`. Never throws.
 */
export function decodeCertificate(encoded: Uint8Array): Checked<Certificate> {
  if (encoded.length > LIMITS.certificateBytesMax) return refuse('too-large');
  const scanned = scanEncoding(encoded, {
    depthMax: LIMITS.certificateDepthMax,
    itemsMax: LIMITS.certificateItemsMax,
  });
  if (!scanned.ok) return scanned;
  const decoded = decodeCanonical(encoded, anything, LIMITS.certificateBytesMax);
  if (!decoded.ok) return decoded;
  const value = decoded.value;
  if (field(value, 'v') !== CERTIFICATE_VERSION) return refuse('wrong-version');
  if (field(value, 'kind') !== 'job') return refuse('wrong-kind');
  const problem = certificateShape(value, '');
  return problem === undefined
    ? accept(value as Certificate)
    : refuse('wrong-shape', 'reject', `${problem.path || 'value'}: ${problem.why}`);
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}
