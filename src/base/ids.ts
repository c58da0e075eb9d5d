/**
 * Identities. A node is named by its libp2p peer id; only Ed25519 ids are admitted, whose bytes
 * contain the public key, so a signature can be checked from the id alone. In hashed structures the
 * id is its 38 bytes (`NodeId`), in JSON and in ports its base58 text (`PeerId`).
 * Source: libp2p peer-ids specification (identity multihash of the protobuf-encoded key).
 */
import { base58btc } from 'multiformats/bases/base58';
import { concatBytes } from './bytes.ts';

/** 32 bytes of SHA-256. */
export type Digest = Uint8Array;
/** 38 bytes: identity multihash (00 24) of the key protobuf (08 01 12 20) and 32 key bytes. */
export type NodeId = Uint8Array;
/** Base58btc text of a `NodeId`, starting with `12D3KooW`. */
export type PeerId = string;

export const DIGEST_BYTES = 32;
export const NODE_ID_BYTES = 38;
export const PUBLIC_KEY_BYTES = 32;
export const SIGNATURE_BYTES = 64;

/** The value that stands for "no results yet" in a results root. */
export const ZERO_DIGEST: Digest = new Uint8Array(DIGEST_BYTES);

const PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20);

export function nodeIdOfKey(publicKey: Uint8Array): NodeId {
  return concatBytes([PREFIX, publicKey]);
}

/** The Ed25519 public key inside a node id; `undefined` when the bytes are no such id. */
export function publicKeyOf(node: Uint8Array): Uint8Array | undefined {
  if (node.length !== NODE_ID_BYTES) return undefined;
  for (let i = 0; i < PREFIX.length; i++) if (node[i] !== PREFIX[i]) return undefined;
  return node.subarray(PREFIX.length);
}

export function peerIdOf(node: NodeId): PeerId {
  return base58btc.baseEncode(node);
}

/** Bytes of a base58 peer id; `undefined` when it is not an Ed25519 peer id. */
export function nodeIdOf(peer: PeerId): NodeId | undefined {
  if (peer.length > 64) return undefined;
  try {
    const bytes = base58btc.baseDecode(peer);
    return publicKeyOf(bytes) === undefined ? undefined : bytes;
  } catch {
    return undefined;
  }
}
