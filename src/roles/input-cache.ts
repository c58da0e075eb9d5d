/**
 * Fetches the byte ranges of a job's inputs that shards read, each byte once, and hands them to the
 * executor as segments. A range is whole within one segment, so the runner never has to join.
 */
import { KadreError } from '../base/errors.ts';
import type { PeerId } from '../base/ids.ts';
import type { Network, SignalOption } from '../base/ports.ts';
import { fetchRanges } from '../blob/fetch.ts';
import { fetchBlobs } from '../blob/fetch-small.ts';
import { LEAF_BYTES } from '../blob/tree.ts';
import type { ExecutionInput, InputSegment } from '../compute/executor.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { arrayBytes, type InputRange } from '../kernel/contract.ts';
import { holdersOf } from './input-holders.ts';

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

export class InputCache {
  readonly #network: Network;
  readonly #plan: OpenPlan;
  readonly #segments = new Map<string, InputSegment[]>();

  constructor(components: { readonly network: Network }, plan: OpenPlan) {
    this.#network = components.network;
    this.#plan = plan;
  }

  /** Bytes that these shards read and that are not here yet. */
  missingBytes(shards: readonly number[]): number {
    return this.#plan.spec.inputs
      .flatMap((input) => this.#missing(input.name, this.#reads(shards)))
      .reduce((sum, range) => sum + range.length, 0);
  }

  /** Inputs covering what these shards read. Errors: PEER_UNREACHABLE, PEER_MISBEHAVED. */
  async inputsFor(shards: readonly number[], options: SignalOption): Promise<ExecutionInput[]> {
    const reads = this.#reads(shards);
    await this.#fetch(reads, options);
    return this.#plan.spec.inputs.map((input) => {
      const needed = uniteRanges(reads.filter((read) => read.input === input.name));
      const segments = needed.map((range) => this.#cover(input.name, range));
      return { name: input.name, shape: input.shape, segments };
    });
  }

  /** Small inputs whole and together, of large ones what is read. */
  async #fetch(reads: readonly InputRange[], options: SignalOption): Promise<void> {
    const open = this.#plan.spec.inputs
      .map((input) => ({
        name: input.name,
        ref: { root: input.root, bytes: arrayBytes(input) },
        wanted: this.#missing(input.name, reads),
      }))
      .filter(({ wanted }) => wanted.length > 0);
    if (open.length === 0) return;
    // Asked anew for every chunk: the requester may have left meanwhile.
    const holders: readonly PeerId[] = holdersOf(this.#network, this.#plan);
    const small = open.filter(({ ref }) => ref.bytes <= LEAF_BYTES);
    const large = open.filter(({ ref }) => ref.bytes > LEAF_BYTES);
    const fetchSmall = async () => {
      if (small.length === 0) return;
      const refs = small.map(({ ref }) => ref);
      const contents = await fetchBlobs(this.#network, holders, refs, options);
      for (const [i, { name }] of small.entries()) {
        this.#segments.set(name, [{ offset: 0, bytes: contents[i]! }]);
      }
    };
    const fetchLarge = async ({ name, ref, wanted }: (typeof large)[number]) => {
      const source = { holders, ref };
      const pieces = await fetchRanges(this.#network, source, wanted, options);
      const fetched = wanted.map(({ offset }, i) => ({ offset, bytes: pieces[i]! }));
      this.#segments.set(name, [...this.#held(name), ...fetched]);
    };
    await Promise.all([fetchSmall(), ...large.map(fetchLarge)]);
  }

  #reads(shards: readonly number[]): InputRange[] {
    const { kernel, spec } = this.#plan;
    return shards.flatMap((shard) => kernel.reads(spec.shards, shard));
  }

  #held(input: string): readonly InputSegment[] {
    return this.#segments.get(input) ?? [];
  }

  #missing(input: string, reads: readonly InputRange[]): ByteRange[] {
    const wanted = uniteRanges(reads.filter((read) => read.input === input));
    return wanted.filter((range) => !this.#held(input).some((held) => covers(held, range)));
  }

  #cover(input: string, range: ByteRange): InputSegment {
    const held = this.#held(input).find((segment) => covers(segment, range));
    if (held === undefined) {
      throw new KadreError({ code: 'PEER_MISBEHAVED' }, `input ${input} is incomplete`);
    }
    const start = range.offset - held.offset;
    return { offset: range.offset, bytes: held.bytes.subarray(start, start + range.length) };
  }
}

function covers(segment: InputSegment, range: ByteRange): boolean {
  return (
    segment.offset <= range.offset &&
    segment.offset + segment.bytes.length >= range.offset + range.length
  );
}
