/**
 * One averaging at one member: for each part it adds what its children have to its own, hands that
 * to its parent, and passes the mean down again, piece by piece, so that encoding, sending and
 * adding overlap (docs/protocol/averaging.md).
 */
import { KadreError } from '../../base/errors.ts';
import type { Digest, PeerId } from '../../base/ids.ts';
import type { Clock, Network } from '../../base/ports.ts';
import { abortable } from '../../base/signals.ts';
import type { Checked } from '../../base/verdict.ts';
import {
  addPiece,
  decodeMean,
  encodeMean,
  encodeOwn,
  encodeSums,
  type PieceCoding,
  type Sums,
} from '../../federated/averaging/piece.ts';
import { type Part, PIECE_ELEMENTS } from '../../federated/averaging/topology.ts';
import { toFloats } from '../../federated/fixed-point.ts';
import { encodeAverage } from './average-messages.ts';
import { PieceQueue } from './piece-queue.ts';

export interface SessionComponents {
  readonly network: Network;
  readonly clock: Clock;
}

export interface SessionInit {
  readonly session: Digest;
  /** Ascending; this member is one of them. */
  readonly members: readonly PeerId[];
  readonly parts: readonly Part[];
  readonly values: Float32Array;
  readonly weight: number;
  readonly coding: PieceCoding;
  readonly signal: AbortSignal;
}

export interface Averaged {
  readonly values: Float32Array;
  /** Of all members together. */
  readonly weight: number;
  readonly bytes: { readonly up: number; readonly down: number };
  /** Received, while it waited for nothing else. */
  readonly bytesPerSecond: number;
}

interface PieceRange {
  readonly from: number;
  readonly to: number;
}

export class AveragingSession {
  readonly #components: SessionComponents;
  readonly #init: SessionInit;
  readonly #self: number;
  readonly #means: readonly PieceQueue[];
  readonly #result: Int32Array;
  /** Of each part the children that are still to get this member's sum or mean. */
  readonly #sumsOut: { readonly promise: Promise<void>; readonly resolve: () => void }[];
  #weight = 0;
  #up = 0;
  #down = 0;

  constructor(components: SessionComponents, init: SessionInit) {
    this.#components = components;
    this.#init = init;
    this.#self = init.members.indexOf(components.network.self);
    this.#result = new Int32Array(init.values.length);
    this.#means = init.parts.map((part, p) => {
      return new PieceQueue(piecesOf(part).length, this.#childrenOf(p).length);
    });
    this.#sumsOut = init.parts.map(() => Promise.withResolvers<void>());
  }

  /** To the mean, and until every child has what it needs. Errors: those of peers. */
  async run(): Promise<Averaged> {
    const { parts, coding } = this.#init;
    const { clock } = this.#components;
    const startMs = clock.monotonicMs();
    await this.#all(parts.map((_, p) => (this.#isRoot(p) ? this.#reduce(p) : this.#fetch(p))));
    const receivedMs = Math.max(1, clock.monotonicMs() - startMs);
    await this.#all([...this.#means.map(({ drained }) => drained), ...this.#sentSums()]);
    return {
      values: toFloats(this.#result, coding.fractionBits),
      weight: this.#weight,
      bytes: { up: this.#up, down: this.#down },
      bytesPerSecond: Math.round((1000 * this.#down) / receivedMs),
    };
  }

  /** What a parent asks for. Errors: PEER_REFUSED for one that is none. */
  async *sums(from: PeerId, part: number): AsyncGenerator<Uint8Array, void, undefined> {
    const { members, parts } = this.#init;
    const parent = parts[part]?.parents[this.#self];
    if (parent === undefined || members[parent] !== from) throw notYours();
    try {
      for await (const sums of this.#added(part)) yield this.#sent(sums);
    } finally {
      // However it ended: a parent that failed is missed where its mean is waited for.
      this.#sumsOut[part]!.resolve();
    }
  }

  /** What a child asks for. */
  async *means(from: PeerId, part: number): AsyncGenerator<Uint8Array, void, undefined> {
    const { members, parts, signal } = this.#init;
    if (parts[part]?.parents[members.indexOf(from)] !== this.#self) throw notYours();
    for await (const piece of this.#means[part]!.read(signal)) yield this.#sent(piece);
  }

  #isRoot(part: number): boolean {
    return this.#init.parts[part]!.parents[this.#self] === undefined;
  }

  #childrenOf(part: number): PeerId[] {
    const { members, parts } = this.#init;
    return members.filter((_, member) => parts[part]!.parents[member] === this.#self);
  }

  #sentSums(): Promise<void>[] {
    const asked = (part: Part, p: number) => !this.#isRoot(p) && part.to > part.from;
    return this.#init.parts.flatMap((part, p) => (asked(part, p) ? this.#sumsOut[p]!.promise : []));
  }

  async #all(work: readonly Promise<void>[]): Promise<void> {
    await abortable(
      Promise.all(work).then(() => undefined),
      this.#init.signal,
    );
  }

  #sent(piece: Uint8Array): Uint8Array {
    this.#up += piece.length;
    return piece;
  }

  /** The root's work: the mean of everybody's, kept as it is sent. */
  async #reduce(part: number): Promise<void> {
    const { coding } = this.#init;
    const ranges = piecesOf(this.#init.parts[part]!);
    let at = 0;
    for await (const { values, weight } of this.#added(part, 'sums')) {
      const piece = encodeMean({ values, weight }, coding);
      this.#keep(ranges[at++]!, piece, this.#components.network.self);
      this.#means[part]!.push(piece);
    }
  }

  /** Any other's: the mean from its parent, handed on to its children. */
  async #fetch(part: number): Promise<void> {
    const { members, parts } = this.#init;
    const parent = members[parts[part]!.parents[this.#self]!]!;
    const ranges = piecesOf(parts[part]!);
    if (ranges.length === 0) return;
    let at = 0;
    for await (const piece of this.#ask(parent, 'mean', part)) {
      const range = ranges[at++];
      if (range === undefined) throw misbehaved(parent, 'too many pieces');
      this.#keep(range, piece, parent);
      this.#means[part]!.push(piece);
    }
    if (at < ranges.length) throw misbehaved(parent, 'a mean cut short');
  }

  #keep({ from, to }: PieceRange, piece: Uint8Array, peer: PeerId): void {
    const mean = required(decodeMean(piece, to - from, this.#init.coding), peer);
    this.#result.set(mean.values, from);
    this.#weight = mean.weight;
  }

  /** Piece by piece what this member and those behind it have; a leaf's own stay compressed. */
  #added(part: number): AsyncGenerator<Uint8Array, void, undefined>;
  #added(part: number, as: 'sums'): AsyncGenerator<Sums, void, undefined>;
  async *#added(part: number, as?: 'sums'): AsyncGenerator<Sums | Uint8Array, void, undefined> {
    const { values, weight, coding, parts } = this.#init;
    const children = this.#childrenOf(part).map((peer) => {
      return { peer, pieces: this.#ask(peer, 'sum', part)[Symbol.asyncIterator]() };
    });
    try {
      for (const { from, to } of piecesOf(parts[part]!)) {
        // Asked before the own piece is encoded: both go on at once.
        const arriving = children.map(({ pieces }) => pieces.next());
        const own = encodeOwn(values.subarray(from, to), weight, coding);
        if (children.length === 0 && as === undefined) {
          yield own;
          continue;
        }
        const { self } = this.#components.network;
        let sums: Sums = { values: new Float64Array(to - from), weight: 0 };
        sums = required(addPiece(sums, own, coding), self);
        for (const [i, next] of (await Promise.all(arriving)).entries()) {
          const { peer } = children[i]!;
          if (next.done) throw misbehaved(peer, 'a sum cut short');
          sums = required(addPiece(sums, next.value, coding), peer);
        }
        yield as === 'sums' ? sums : encodeSums(sums);
      }
      for (const { peer, pieces } of children) {
        // Its end tells the child that everything has arrived.
        if (parts[part]!.to > parts[part]!.from && !(await pieces.next()).done) {
          throw misbehaved(peer, 'too many pieces');
        }
      }
    } finally {
      for (const { pieces } of children) void pieces.return?.().catch(() => undefined);
    }
  }

  async *#ask(
    peer: PeerId,
    t: 'sum' | 'mean',
    part: number,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const { session, signal } = this.#init;
    const body = encodeAverage({ t, session, part });
    for await (const piece of this.#components.network.openStream(peer, 'average', body, {
      signal,
    })) {
      this.#down += piece.length;
      yield piece;
    }
  }
}

function piecesOf({ from, to }: Part): PieceRange[] {
  return Array.from({ length: Math.ceil((to - from) / PIECE_ELEMENTS) }, (_, i) => {
    const start = from + i * PIECE_ELEMENTS;
    return { from: start, to: Math.min(to, start + PIECE_ELEMENTS) };
  });
}

function required<T>(checked: Checked<T>, peer: PeerId): T {
  if (checked.ok) return checked.value;
  throw misbehaved(peer, checked.reason);
}

function misbehaved(peer: PeerId, reason: string): KadreError {
  const init = { code: 'PEER_MISBEHAVED', peer, data: { reason } } as const;
  return new KadreError(init, `${peer} sent what is no piece of this averaging: ${reason}`);
}

function notYours(): KadreError {
  return new KadreError({ code: 'PEER_REFUSED' }, 'this part is not for you');
}
