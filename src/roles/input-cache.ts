/**
 * Gets the byte ranges of a job's inputs that shards read and hands them to the executor as
 * segments. Inputs of more than a leaf go to the store in chunks, so that a restarted worker has
 * them still and memory holds only what the shards in hand read; of others the whole stays here. A
 * range is whole within one segment, so the runner never has to join.
 */
import { KadreError } from '../base/errors.ts';
import { type PeerId, peerIdOf } from '../base/ids.ts';
import type { BlobRef, BlobStore, Clock, Network, SignalOption } from '../base/ports.ts';
import { ChunkPuller, pulledKey } from '../blob/chunk-puller.ts';
import { chunkBytes, chunksOver } from '../blob/chunks.ts';
import { fetchRanges } from '../blob/fetch.ts';
import { fetchBlobs } from '../blob/fetch-small.ts';
import { LEAF_BYTES } from '../blob/tree.ts';
import type { ExecutionInput, InputSegment } from '../compute/executor.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { arrayBytes, type InputRange } from '../kernel/contract.ts';
import { holdersOf } from './input-holders.ts';
import { InputSpread } from './input-spread.ts';

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** Sorted, disjoint union of ranges; ranges that touch are joined. */
export function uniteRanges(ranges: readonly ByteRange[]): ByteRange[] {
  const united: { offset: number; length: number }[] = [];
  for (const range of ranges.toSorted((a, b) => a.offset - b.offset)) {
    if (range.length === 0) continue;
    const last = united.at(-1);
    if (last === undefined || range.offset > last.offset + last.length) {
      united.push({ ...range });
    } else {
      last.length = Math.max(last.length, range.offset + range.length - last.offset);
    }
  }
  return united;
}

export interface InputCacheComponents {
  readonly network: Network;
  readonly blobs: BlobStore;
  readonly clock: Pick<Clock, 'monotonicMs' | 'setTimer'>;
}

interface WantedInput {
  readonly name: string;
  readonly ref: BlobRef;
  readonly ranges: readonly ByteRange[];
}

/** Chunks that are this many times the leaves that are read are not fetched whole. */
const SPARSE = 4;
/** A chunk that disk no longer bears out is pulled again, once: twice is a disk that fails. */
const READS_MAX = 2;
/** Who asks for a chunk that is still on its way here hears so, sooner than it would give us up. */
const PROVIDE_MS = 8_000;

export class InputCache {
  readonly #components: InputCacheComponents;
  readonly #plan: OpenPlan;
  readonly #stopping: AbortSignal;
  readonly #spread: InputSpread;
  readonly #small = new Map<string, InputSegment>();
  /** What the shards in hand read of large inputs: often what the next ones read, too. */
  #segments = new Map<string, readonly InputSegment[]>();
  readonly #pullers = new Map<string, ChunkPuller>();
  readonly #introduced = new Set<PeerId>();

  constructor(components: InputCacheComponents, plan: OpenPlan, stopping: AbortSignal) {
    this.#components = components;
    this.#plan = plan;
    this.#stopping = stopping;
    this.#spread = new InputSpread(plan);
  }

  /** Inputs covering what these shards read. Errors: BLOB_UNAVAILABLE, DISK_FAILED, OVERLOADED. */
  async inputsFor(shards: readonly number[], options: SignalOption): Promise<ExecutionInput[]> {
    const reads = this.#reads(shards);
    const wanted = this.#plan.spec.inputs.map((input) => ({
      name: input.name,
      ref: { root: input.root, bytes: arrayBytes(input) },
      ranges: uniteRanges(reads.filter((read) => read.input === input.name)),
    }));
    const isLarge = ({ ref }: WantedInput) => ref.bytes > LEAF_BYTES;
    const large = async (input: WantedInput) => this.#largeSegments(input, options);
    const [, ...ofLarge] = await Promise.all([
      this.#fetchSmall(
        wanted.filter((input) => !isLarge(input)),
        options,
      ),
      ...wanted.filter(isLarge).map(async (input) => [input.name, await large(input)] as const),
    ]);
    this.#segments = new Map(ofLarge);
    return this.#plan.spec.inputs.map(({ name, shape }, i) => {
      const held = this.#segments.get(name) ?? [this.#small.get(name)!];
      return { name, shape, segments: wanted[i]!.ranges.map((range) => within(held, range)!) };
    });
  }

  /** Gets chunks into the store for a peer of the plan that reads them and ranks behind us. */
  async provide(from: PeerId, ref: BlobRef, chunks: readonly number[]): Promise<void> {
    const { network, clock } = this.#components;
    const { inputs } = this.#plan.spec;
    const isInput = inputs.some(
      (input) => pulledKey({ root: input.root, bytes: arrayBytes(input) }) === pulledKey(ref),
    );
    if (!isInput || ref.bytes <= LEAF_BYTES) return;
    const owes = (chunk: number) =>
      this.#spread.before(ref.root, chunk, from)?.includes(network.self) === true;
    if (!chunks.every(owes)) return;
    const late = new AbortController();
    const timer = clock.setTimer(PROVIDE_MS, () => late.abort());
    try {
      await this.#pullerOf(ref).pull(chunks, { signal: late.signal });
    } catch {
      // It hears that these are not held, and asks another.
    } finally {
      timer.cancel();
    }
  }

  /** Whole, and together. */
  async #fetchSmall(inputs: readonly WantedInput[], options: SignalOption): Promise<void> {
    const missing = inputs.filter(
      ({ name, ranges }) => ranges.length > 0 && !this.#small.has(name),
    );
    if (missing.length === 0) return;
    const { network } = this.#components;
    const refs = missing.map(({ ref }) => ref);
    // Asked anew every time: the requester may have left meanwhile.
    const contents = await fetchBlobs(network, holdersOf(network, this.#plan), refs, options);
    for (const [i, { name }] of missing.entries()) {
      this.#small.set(name, { offset: 0, bytes: contents[i]! });
    }
  }

  async #largeSegments(
    { name, ref, ranges }: WantedInput,
    options: SignalOption,
  ): Promise<InputSegment[]> {
    const held = this.#segments.get(name) ?? [];
    const missing = ranges.filter((range) => within(held, range) === undefined);
    const fresh = isSparse(ref, missing)
      ? await this.#fetchAlone(ref, missing, options)
      : await this.#readAll(ref, missing, options);
    return ranges.map((range) => within(held, range) ?? within(fresh, range)!);
  }

  /** No more than the leaves of these ranges, and past the store: it holds whole chunks. */
  async #fetchAlone(
    ref: BlobRef,
    ranges: readonly ByteRange[],
    options: SignalOption,
  ): Promise<InputSegment[]> {
    const { network } = this.#components;
    const source = { holders: holdersOf(network, this.#plan), ref };
    const contents = await fetchRanges(network, source, ranges, options);
    return ranges.map(({ offset }, i) => ({ offset, bytes: contents[i]! }));
  }

  async #readAll(
    ref: BlobRef,
    ranges: readonly ByteRange[],
    options: SignalOption,
  ): Promise<InputSegment[]> {
    const segments: InputSegment[] = [];
    for (const range of ranges) segments.push(await this.#read(ref, range, options));
    return segments;
  }

  async #read(ref: BlobRef, range: ByteRange, options: SignalOption): Promise<InputSegment> {
    const puller = this.#pullerOf(ref);
    for (let i = 0; i < READS_MAX; i++) {
      await puller.pull(chunksOver(range), options);
      const bytes = await this.#components.blobs.read(ref.root, range.offset, range.length);
      if (bytes !== undefined) return { offset: range.offset, bytes };
    }
    throw new KadreError({ code: 'DISK_FAILED' }, 'an input that was stored cannot be read again');
  }

  #pullerOf(ref: BlobRef): ChunkPuller {
    const key = pulledKey(ref);
    const known = this.#pullers.get(key);
    if (known !== undefined) return known;
    const { self } = this.#components.network;
    const before = (chunk: number) => this.#spread.before(ref.root, chunk, self) ?? [];
    const puller = new ChunkPuller(this.#components, {
      ref,
      rankOf: (chunk) => before(chunk).length,
      holdersOf: (chunk) => this.#holdersOf(before(chunk)),
      signal: this.#stopping,
    });
    this.#pullers.set(key, puller);
    return puller;
  }

  /** Those that fetch it first, then whoever else may have it. */
  async #holdersOf(before: readonly PeerId[]): Promise<PeerId[]> {
    const { network } = this.#components;
    await Promise.all(before.map((peer) => this.#introduce(peer)));
    return [...new Set([...before, ...holdersOf(network, this.#plan)])];
  }

  /** Workers of a plan need not have met: the roster says where they are. */
  async #introduce(peer: PeerId): Promise<void> {
    if (this.#introduced.has(peer)) return;
    this.#introduced.add(peer);
    const { nodes, package: pkg } = this.#plan;
    const index = nodes.findIndex((node) => peerIdOf(node) === peer);
    const addresses = pkg.roster[index]?.advert.addresses ?? [];
    // Without an address the dial fails, and the next holder is asked.
    await this.#components.network.addAddresses(peer, addresses).catch(() => undefined);
  }

  #reads(shards: readonly number[]): InputRange[] {
    const { kernel, spec } = this.#plan;
    return shards.flatMap((shard) => kernel.reads(spec.shards, shard));
  }
}

/** Whether whole chunks would be several times what these ranges are. */
function isSparse({ bytes }: BlobRef, ranges: readonly ByteRange[]): boolean {
  const leaves = new Set<number>();
  const chunks = new Set<number>();
  for (const { offset, length } of ranges) {
    for (const chunk of chunksOver({ offset, length })) chunks.add(chunk);
    const end = Math.ceil((offset + length) / LEAF_BYTES);
    for (let leaf = Math.floor(offset / LEAF_BYTES); leaf < end; leaf++) leaves.add(leaf);
  }
  const wholeBytes = [...chunks].reduce((sum, chunk) => sum + chunkBytes(bytes, chunk), 0);
  return leaves.size * LEAF_BYTES * SPARSE < wholeBytes;
}

/** The range as part of one of these segments. */
function within(held: readonly InputSegment[], range: ByteRange): InputSegment | undefined {
  const segment = held.find((one) => covers(one, range));
  if (segment === undefined) return undefined;
  const start = range.offset - segment.offset;
  return { offset: range.offset, bytes: segment.bytes.subarray(start, start + range.length) };
}

function covers(segment: InputSegment, range: ByteRange): boolean {
  return (
    segment.offset <= range.offset &&
    segment.offset + segment.bytes.length >= range.offset + range.length
  );
}
