/**
 * The world as decision code sees it. Roles, ledger and consensus reach time, chance, network, disk
 * and compute only through these interfaces, so that the simulator can supply seeded ones.
 */
import type { Digest, NodeId, PeerId } from './ids.ts';
import type { Penalty } from './verdict.ts';

export interface SignalOption {
  readonly signal?: AbortSignal | undefined;
}

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall time, ms since 1970. Advisory: expiry and display, never a protocol round. */
  wallMs(): number;
  /** Monotonic time in ms from an arbitrary origin; all deadlines use it. */
  monotonicMs(): number;
  /** Calls back once after `delayMs`; the timer never keeps the process alive by itself. */
  setTimer(delayMs: number, callback: () => void): Timer;
}

export interface Random {
  /** Cryptographic in production, seeded in the simulator. */
  bytes(length: number): Uint8Array;
  /** Uniform integer in 0..bound-1. */
  integer(bound: number): number;
  shuffle<T>(items: readonly T[]): T[];
}

export interface Signer {
  readonly nodeId: NodeId;
  readonly peerId: PeerId;
  /** 32 bytes, Ed25519. */
  readonly publicKey: Uint8Array;
  /** 64-byte Ed25519 signature over the whole message. */
  sign(message: Uint8Array): Uint8Array;
}

export interface SignatureVerifier {
  /** Ed25519 over the whole message; false for anything malformed, never throws. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>;
}

/** The application protocols of a swarm; the network id is added where streams are opened. */
export type ProtocolName = 'advert' | 'job' | 'consensus' | 'blob' | 'train' | 'average';

export interface ProtocolHandler {
  /** One answer per request. A throw becomes a coded refusal at the caller. */
  request?(from: PeerId, body: Uint8Array, options: SignalOption): Promise<Uint8Array>;
  /** One-way messages, in the sender's order. */
  message?(from: PeerId, body: Uint8Array): void;
  /** A bulk answer in pieces, under back-pressure. */
  stream?(from: PeerId, body: Uint8Array, options: SignalOption): AsyncIterable<Uint8Array>;
}

export interface RequestOptions extends SignalOption {
  /** Without an answer by then the request fails with PEER_UNREACHABLE. Default 10 s. */
  readonly timeoutMs?: number;
}

export interface Network {
  readonly self: PeerId;
  /** Multiaddrs that others can dial, ending in /p2p/<self>. */
  addresses(): string[];
  /** Request and answer over a stream that is kept open per peer and protocol. */
  request(
    peer: PeerId,
    protocol: ProtocolName,
    body: Uint8Array,
    options?: RequestOptions,
  ): Promise<Uint8Array>;
  /** Fire and forget, in order, bounded; a message to an unreachable peer is lost. */
  send(peer: PeerId, protocol: ProtocolName, body: Uint8Array): void;
  /** Opens a bulk answer; leaving the loop cancels it at the other side. */
  openStream(
    peer: PeerId,
    protocol: ProtocolName,
    body: Uint8Array,
    options?: SignalOption,
  ): AsyncIterable<Uint8Array>;
  /** Registers the one handler of a protocol; returns how to remove it. */
  handle(protocol: ProtocolName, handler: ProtocolHandler): () => void;
  /** Remembers where a peer can be dialled. */
  addAddresses(peer: PeerId, addresses: readonly string[]): Promise<void>;
  connectedPeers(): PeerId[];
  /** Called when the last connection to a peer is gone; returns how to remove it. */
  onDisconnect(listener: (peer: PeerId) => void): () => void;
  /** Books a misbehaviour; enough of it cuts the peer off. */
  penalise(peer: PeerId, penalty: Penalty, reason: string): void;
}

export interface ProviderHint {
  readonly peer: PeerId;
  readonly addresses: readonly string[];
}

/** Capability classes in the DHT: who provides `kernel/gemm.f32@1`, `cpu/avx512`, ... */
export interface Directory {
  announce(classes: readonly string[], options?: SignalOption): Promise<void>;
  find(
    capabilityClass: string,
    options: SignalOption & { max: number },
  ): AsyncIterable<ProviderHint>;
  /** Announces one more class (`job/<id>`), beside those of `announce`, until it is withdrawn. */
  provide(name: string, options?: SignalOption): Promise<void>;
  withdraw(name: string): void;
}

/** An append-only log; see docs/protocol/wal.md. */
export interface Wal {
  /** Resolves once all records are durable (one fdatasync per group). A failed sync is fatal. */
  append(records: readonly Uint8Array[]): Promise<void>;
  close(): Promise<void>;
}

export interface BlobRef {
  /** Commits to size and every byte (docs/protocol/blob.md). */
  readonly root: Digest;
  readonly bytes: number;
}

/** Content that lies elsewhere and is read from there, a piece at a time: a file, say. */
export interface ContentSource {
  /** For messages: a path, for example. */
  readonly name: string;
  readonly bytes: number;
  /** Exactly these bytes. Errors: INPUT_CHANGED when it is no longer what it was. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** Part of a blob that need not be here whole (docs/protocol/blob.md, "Chunks"). */
export interface BlobChunk {
  readonly ref: BlobRef;
  /** All leaf hashes of the blob, which lead to its root. */
  readonly leaves: Uint8Array;
  readonly index: number;
  /** The whole chunk; its leaves have been matched with `leaves`. */
  readonly content: Uint8Array;
}

/** Bytes of content. */
export interface BlobStoreUsage {
  readonly bytes: number;
  readonly bytesMax: number;
  /** Of these, what live jobs hold on to. */
  readonly pinnedBytes: number;
}

export interface BlobStore {
  /** Kept for a day. Room is made for it; DISK_FAILED or OVERLOADED where none can be. */
  put(content: Uint8Array): Promise<BlobRef>;
  /** Many small blobs at once: one write, not one file each. */
  putMany(contents: readonly Uint8Array[]): Promise<BlobRef[]>;
  /** Keeps a chunk until the room is needed; a blob all of whose chunks are here is here whole. */
  putChunk(chunk: BlobChunk): Promise<void>;
  /** Size of a blob that is here whole. */
  size(root: Digest): Promise<number | undefined>;
  /** Size of a blob of which at least a chunk is here, and which chunks; undefined otherwise. */
  part(root: Digest): { readonly bytes: number; has(chunk: number): boolean } | undefined;
  /** Exactly `length` bytes from `offset`; undefined when any of them is not held. */
  read(root: Digest, offset: number, length: number): Promise<Uint8Array | undefined>;
  /** Leaf hashes of the blob's tree, 32 bytes each, in order; undefined when nothing is held. */
  leaves(root: Digest): Promise<Uint8Array | undefined>;
  /**
   * Forgets what was last put or kept before `beforeMs` (wall time), except these roots, whose time
   * begins anew. Returns the bytes that were freed.
   */
  expire(beforeMs: number, keep: Iterable<Digest>): Promise<number>;
  /** What `owner`, a live job, needs stays whatever room is wanted; replaces its earlier pins. */
  pin(owner: string, roots: Iterable<Digest>): void;
  release(owner: string): void;
  readonly usage: BlobStoreUsage;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface Logger {
  log(level: LogLevel, event: string, fields?: Readonly<Record<string, unknown>>): void;
}
