/**
 * The cadre as consensus sees it: seats with keys, what every signature is bound to, and quorum
 * arithmetic. Design consensus.md section 1.2; docs/protocol/consensus.md, "Seats and quorums".
 */

import { concatBytes, u64 } from '../base/bytes.ts';
import type { Digest, NodeId, PeerId } from '../base/ids.ts';
import { taggedHash } from '../crypto/portable/hash.ts';
import { LIST_FORM, type SignatureForm } from '../crypto/portable/signature-scheme.ts';
import { TAGS } from '../wire/tags.ts';
import { markVerified, type Qc, type Verified } from './types.ts';

/** What every consensus signature is bound to. */
export interface Domain {
  readonly planId: Digest;
  readonly epoch: number;
  readonly cadreRoot: Digest;
  /** State root that the epoch before ended with; absent in epoch 0, which follows none. */
  readonly origin?: Digest;
}

export interface Seat {
  readonly nodeId: NodeId;
  readonly peerId: PeerId;
  /** Made for this plan and admitted by its scheme: 32 bytes of Ed25519, or 48 of BLS12-381. */
  readonly key: Uint8Array;
}

export interface CadreSeats extends Domain {
  readonly seats: readonly Seat[];
  /** Our own seat number. */
  readonly self: number;
  /** How signatures stand together in certificates. Default: a list of 64 bytes each. */
  readonly form?: SignatureForm;
}

/** The form of these seats' certificates. */
export function formOf({ form }: CadreSeats): SignatureForm {
  return form ?? LIST_FORM;
}

/** f: the seats that may be Byzantine. */
export function faultsTolerated(seatCount: number): number {
  return Math.floor((seatCount - 1) / 3);
}

/** q = n - f. Never 2f + 1: for n = 5 two quorums of 3 need not share an honest seat. */
export function quorumOf(seatCount: number): number {
  return seatCount - faultsTolerated(seatCount);
}

/** f + 1: any so many seats include an honest one. */
export function oneHonestOf(seatCount: number): number {
  return faultsTolerated(seatCount) + 1;
}

/** planId, u64 epoch and cadreRoot: 72 bytes before the body of everything signed. */
export function domainBytes(domain: Domain): Uint8Array {
  return concatBytes([domain.planId, u64(domain.epoch), domain.cadreRoot]);
}

/** Bit i of byte i/8, lowest bit first; exactly ceil(n/8) bytes. */
export function bitmapOf(seats: readonly number[], seatCount: number): Uint8Array {
  const bitmap = new Uint8Array(Math.ceil(seatCount / 8));
  for (const seat of seats) bitmap[seat >> 3]! |= 1 << (seat & 7);
  return bitmap;
}

/** Seats of a bitmap in rising order; undefined when its length is wrong or a bit is beyond n. */
export function seatsOf(bitmap: Uint8Array, seatCount: number): number[] | undefined {
  if (bitmap.length !== Math.ceil(seatCount / 8)) return undefined;
  const seats: number[] = [];
  for (let seat = 0; seat < bitmap.length * 8; seat++) {
    if ((bitmap[seat >> 3]! & (1 << (seat & 7))) === 0) continue;
    if (seat >= seatCount) return undefined;
    seats.push(seat);
  }
  return seats;
}

/**
 * The parent of an epoch's first block: round 0, height 0, no bytes behind it but the domain and
 * what the epoch before came to.
 */
export function genesisId(domain: Domain): Digest {
  const { origin } = domain;
  return taggedHash(TAGS.block, domainBytes(domain), ...(origin === undefined ? [] : [origin]));
}

/** The certificate that the first block carries: nobody signed it, so it must be exactly this. */
export function genesisQc(domain: Domain): Verified<Qc> {
  const none = new Uint8Array(0);
  const { epoch } = domain;
  const blockId = genesisId(domain);
  return markVerified({ epoch, round: 0, blockId, parentRound: 0, signers: none, sigs: none });
}
