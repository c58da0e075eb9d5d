/**
 * How many shards go together before what they read is too much for memory. What they share counts
 * once, which is worked out only when counting it again and again would exceed the room.
 */
import type { OpenPlan } from '../job/open-plan.ts';
import type { InputRange } from '../kernel/contract.ts';
import { uniteRanges } from './input-cache.ts';

export class InputRoom {
  readonly #plan: Pick<OpenPlan, 'kernel' | 'spec'>;
  readonly #bytesMax: number;
  #reads: InputRange[] = [];
  /** At least what the reads are together. */
  #bytes = 0;

  constructor(plan: Pick<OpenPlan, 'kernel' | 'spec'>, bytesMax: number) {
    this.#plan = plan;
    this.#bytesMax = bytesMax;
  }

  /** Counts this shard in; false when it makes the whole exceed the room. */
  fits(shard: number): boolean {
    const { kernel, spec } = this.#plan;
    const fresh = kernel.reads(spec.shards, shard);
    this.#reads.push(...fresh);
    this.#bytes += lengthOf(fresh);
    if (this.#bytes > this.#bytesMax) {
      this.#reads = spec.inputs.flatMap(({ name }) => this.#united(name));
      this.#bytes = lengthOf(this.#reads);
    }
    return this.#bytes <= this.#bytesMax;
  }

  #united(name: string): InputRange[] {
    const ofInput = this.#reads.filter(({ input }) => input === name);
    return uniteRanges(ofInput).map((range) => ({ ...range, input: name }));
  }
}

function lengthOf(ranges: readonly InputRange[]): number {
  return ranges.reduce((sum, { length }) => sum + length, 0);
}
