/** What members of an averaging say to each other (docs/protocol/averaging.md, section 1). */
import { DIGEST_BYTES } from '../../base/ids.ts';
import type { Checked } from '../../base/verdict.ts';
import { MEMBERS_MAX } from '../../federated/averaging/topology.ts';
import { decodeCanonical, encodeCanonical } from '../../wire/cbor.ts';
import { bytes, type Infer, integer, oneOf, struct, variant } from '../../wire/shape.ts';

const session = bytes(DIGEST_BYTES);
const part = integer(0, MEMBERS_MAX - 1);

export const averageRequestShape = variant('t', {
  hello: struct({ t: oneOf('hello'), session }),
  /** What the asked member and those behind it have of a part. */
  sum: struct({ t: oneOf('sum'), session, part }),
  mean: struct({ t: oneOf('mean'), session, part }),
});
export type AverageRequest = Infer<typeof averageRequestShape>;

/** Bytes per second that a member reaches; 0: not measured yet. */
export const helloShape = struct({ bytesPerSecond: integer(0, 2 ** 40) });
export type Hello = Infer<typeof helloShape>;

const MESSAGE_BYTES_MAX = 256;

export const encodeAverage = (message: AverageRequest | Hello): Uint8Array =>
  encodeCanonical(message);

export function decodeAverage(body: Uint8Array): Checked<AverageRequest> {
  return decodeCanonical(body, averageRequestShape, MESSAGE_BYTES_MAX);
}

export function decodeHello(body: Uint8Array): Checked<Hello> {
  return decodeCanonical(body, helloShape, MESSAGE_BYTES_MAX);
}
