/** Names and limits of Kadre's protocols (docs/protocol/transport.md, "Protocols"). */
import { toHex, utf8 } from '../base/bytes.ts';
import type { ProtocolName } from '../base/ports.ts';
import { sha256 } from '../crypto/portable/hash.ts';

export const PROTOCOL_NAMES: readonly ProtocolName[] = [
  'advert',
  'job',
  'consensus',
  'blob',
  'train',
  'average',
];

/** Of all application protocols: they change together. */
export const PROTOCOL_VERSION = 1;

export function protocolId(networkId: string, name: ProtocolName): string {
  return `/kadre/${networkId}/${name}/${PROTOCOL_VERSION}`;
}

/** The DHT of a network: nodes of different networks never share routing tables. */
export function kadProtocolId(networkId: string): string {
  return `/kadre/${networkId}/kad/1`;
}

/** The network's own name on the local network: an mDNS service, one DNS label of 63 characters. */
export function mdnsServiceName(networkId: string): string {
  return `_kadre-${toHex(sha256(utf8(networkId))).slice(0, 16)}._udp.local`;
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
 * a training's plan, whose schema may have 4 MiB; 65,536 sums of 8 bytes.
 */
export const PROTOCOL_LIMITS: Readonly<Record<ProtocolName, ProtocolLimits>> = {
  advert: { bodyBytesMax: MIB },
  job: { bodyBytesMax: 9 * MIB },
  consensus: { bodyBytesMax: 9 * MIB },
  blob: { bodyBytesMax: MIB },
  train: { bodyBytesMax: 5 * MIB },
  average: { bodyBytesMax: MIB },
};

/** Requests of one peer and protocol that may be in flight, at each end. */
export const REQUESTS_MAX = 1024;
export const RUNNING_MAX = 256;
/** Frames and bytes that may wait for one slow peer before sends are dropped. */
export const QUEUED_FRAMES_MAX = 8192;
export const QUEUED_BYTES_MAX = 32 * MIB;
/** Streams of one protocol on one connection, either direction. */
export const STREAMS_MAX = 64;
/** A stream that says nothing for so long after it was opened only takes a place. */
export const FIRST_FRAME_MS = 30_000;
/** Bulk answers asked from one peer at a time; further ones wait their turn. */
export const BULK_MAX = 16;
/** Addresses remembered for one peer in one call, and characters of each. */
export const ADDRESSES_MAX = 16;
export const ADDRESS_CHARACTERS_MAX = 256;

/**
 * What a relay gives (docs/adr/0281). A job's signalling between two nodes is some hundred KiB;
 * libp2p's own 128 KiB would cut it in the middle, and bulk must not fit.
 */
export const RELAY_LIMITS = {
  reservationsMax: 128,
  reservationMs: 3_600_000,
  /** That one peer may open to others through this relay. */
  connectionsPerMinute: 60,
  connectionMs: 1_800_000,
  /** Of one relayed connection, each direction. */
  bytesMax: 16 * MIB,
} as const;
/** Bulk over relayed connections to and from one peer, per minute: inputs of small jobs fit. */
export const RELAYED_BULK_BYTES_MAX = MIB;
