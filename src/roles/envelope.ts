/** A consensus message as it travels: which plan, which of its epochs, then the message itself. */
import { concatBytes } from '../base/bytes.ts';
import { DIGEST_BYTES, type Digest } from '../base/ids.ts';

/** planId, one byte of epoch. */
export const ENVELOPE_BYTES = DIGEST_BYTES + 1;

export interface Envelope {
  readonly planId: Digest;
  /** 0 to LIMITS.epochsMax from honest members, below 256 from anybody. */
  readonly epoch: number;
  readonly message: Uint8Array;
}

export function sealEnvelope({ planId, epoch, message }: Envelope): Uint8Array {
  return concatBytes([planId, Uint8Array.of(epoch), message]);
}

/** Undefined when it is too short; the message is a view. */
export function openEnvelope(bytes: Uint8Array): Envelope | undefined {
  if (bytes.length < ENVELOPE_BYTES) return undefined;
  return {
    planId: bytes.subarray(0, DIGEST_BYTES),
    epoch: bytes[DIGEST_BYTES]!,
    message: bytes.subarray(ENVELOPE_BYTES),
  };
}
