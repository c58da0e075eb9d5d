/** Names and limits of Kadre's protocols (docs/protocol/transport.md, "Protocols"). */
import type { ProtocolName } from '../base/ports.ts';

export const PROTOCOL_NAMES: readonly ProtocolName[] = [
  'advert',
  'job',
  'consensus',
  'blob',
  'train',
];

export function protocolId(networkId: string, name: ProtocolName): string {
  return `/kadre/${networkId}/${name}/1`;
}

/** The DHT of a network: nodes of different networks never share routing tables. */
export function kadProtocolId(networkId: string): string {
  return `/kadre/${networkId}/kad/1`;
}

/** True when a peer that names these protocols belongs to the network. */
export function speaksFor(networkId: string, protocols: readonly string[]): boolean {
  return protocols.some((protocol) => protocol.startsWith(`/kadre/${networkId}/`));
}

export interface ProtocolLimits {
  /** Largest body of one frame, either direction. */
  readonly bodyBytesMax: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;

/**
 * Why these: an advert batch; a plan or record of 8 MiB with its envelope; a blob piece of 256 KiB;
 * a training's plan, whose schema may have 4 MiB.
 */
export const PROTOCOL_LIMITS: Readonly<Record<ProtocolName, ProtocolLimits>> = {
  advert: { bodyBytesMax: MIB },
  job: { bodyBytesMax: 9 * MIB },
  consensus: { bodyBytesMax: 9 * MIB },
  blob: { bodyBytesMax: MIB },
  train: { bodyBytesMax: 5 * MIB },
};

/** Requests of one peer and protocol that may be in flight, at each end. */
export const REQUESTS_MAX = 1024;
export const RUNNING_MAX = 256;
/** Frames and bytes that may wait for one slow peer before sends are dropped. */
export const QUEUED_FRAMES_MAX = 8192;
export const QUEUED_BYTES_MAX = 32 * MIB;
/** Streams of one protocol on one connection, either direction. */
export const STREAMS_MAX = 64;
/** Bulk answers asked from one peer at a time; further ones wait their turn. */
export const BULK_MAX = 16;
/** Addresses remembered for one peer in one call, and characters of each. */
export const ADDRESSES_MAX = 16;
export const ADDRESS_CHARACTERS_MAX = 256;
