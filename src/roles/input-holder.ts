/**
 * Holds the inputs of detached jobs, whole, for as long as their plans live here, so that workers
 * need the requester no more (job.md section 5). It pulls what it lacks in the background, within
 * quotas (job.md section 4.7), and says how much is still missing.
 */
import { toHex } from '../base/bytes.ts';
import type { Digest } from '../base/ids.ts';
import type { BlobRef, BlobStore, Clock, Logger, Network } from '../base/ports.ts';
import { accept, type Checked, refuse } from '../base/verdict.ts';
import { ChunkPuller } from '../blob/chunk-puller.ts';
import { chunkCount } from '../blob/chunks.ts';
import { fetchBlob } from '../blob/fetch.ts';
import { LEAF_BYTES } from '../blob/tree.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { arrayBytes } from '../kernel/contract.ts';
import { holdersOf } from './input-holders.ts';

export interface InputHolderComponents {
  readonly network: Network;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface InputHolderInit {
  /** Input bytes of one plan, and of all plans together. */
  readonly planBytesMax: number;
  readonly bytesMax: number;
  /** An answer waits this long for the rest to arrive. */
  readonly answerMs: number;
}

export const HOLDER_DEFAULTS: InputHolderInit = {
  planBytesMax: 2 ** 30,
  bytesMax: 8 * 2 ** 30,
  answerMs: 3_000,
};

interface Held {
  readonly refs: readonly BlobRef[];
  readonly bytes: number;
  /** Roots that are here. */
  readonly present: Set<string>;
  readonly stopping: AbortController;
  pulling: Promise<void> | undefined;
}

export class InputHolder {
  readonly #components: InputHolderComponents;
  readonly #init: InputHolderInit;
  readonly #plans = new Map<string, Held>();

  constructor(components: InputHolderComponents, init: InputHolderInit = HOLDER_DEFAULTS) {
    this.#components = components;
    this.#init = init;
  }

  /** Bytes still missing, after a moment's wait for them. Reason: `over-limits`. */
  async hold(plan: OpenPlan): Promise<Checked<number>> {
    const taken = this.take(plan);
    if (!taken.ok) return taken;
    const held = taken.value;
    held.pulling ??= this.#pull(plan, held).finally(() => {
      held.pulling = undefined;
    });
    const late = Promise.withResolvers<void>();
    const timer = this.#components.clock.setTimer(this.#init.answerMs, late.resolve);
    await Promise.race([held.pulling, late.promise]);
    timer.cancel();
    return accept(missingBytes(held));
  }

  /** Reserves room for a plan's inputs, and keeps those that are here. Reason: `over-limits`. */
  take(plan: Pick<OpenPlan, 'planId' | 'spec'>): Checked<Held> {
    const key = toHex(plan.planId);
    const known = this.#plans.get(key);
    if (known !== undefined) return accept(known);
    const { planBytesMax, bytesMax } = this.#init;
    const refs = plan.spec.inputs.map((input) => ({ root: input.root, bytes: arrayBytes(input) }));
    const bytes = refs.reduce((sum, ref) => sum + ref.bytes, 0);
    const total = [...this.#plans.values()].reduce((sum, held) => sum + held.bytes, bytes);
    if (bytes > planBytesMax || total > bytesMax) {
      return refuse('over-limits', 'ignore', `${bytes} input bytes`);
    }
    const stopping = new AbortController();
    const held: Held = { refs, bytes, present: new Set(), stopping, pulling: undefined };
    this.#plans.set(key, held);
    this.#components.blobs.pin(
      `holder/${key}`,
      refs.map(({ root }) => root),
    );
    return accept(held);
  }

  release(planId: Digest): void {
    const key = toHex(planId);
    this.#plans.get(key)?.stopping.abort();
    this.#plans.delete(key);
    this.#components.blobs.release(`holder/${key}`);
  }

  stop(): void {
    for (const { stopping } of this.#plans.values()) stopping.abort();
    this.#plans.clear();
  }

  /** Roots of blobs that must stay. */
  *roots(): Generator<Digest> {
    for (const { refs } of this.#plans.values()) for (const { root } of refs) yield root;
  }

  /** One input after the other: of one a few chunks are in memory. */
  async #pull(plan: OpenPlan, held: Held): Promise<void> {
    const { blobs, log } = this.#components;
    const { signal } = held.stopping;
    for (const ref of held.refs) {
      const key = toHex(ref.root);
      if (held.present.has(key)) continue;
      try {
        if ((await blobs.size(ref.root)) !== ref.bytes) await this.#fetch(plan, ref, signal);
        held.present.add(key);
      } catch (cause) {
        if (signal.aborted) return;
        log.log('info', 'input-not-held', { root: key, cause: String(cause) });
      }
    }
  }

  /** What came before a restart is there still. */
  async #fetch(plan: OpenPlan, ref: BlobRef, signal: AbortSignal): Promise<void> {
    const { network, blobs } = this.#components;
    if (ref.bytes <= LEAF_BYTES) {
      const holders = holdersOf(network, plan);
      await blobs.put(await fetchBlob(network, { holders, ref }, { signal }));
      return;
    }
    const init = { ref, holdersOf: async () => holdersOf(network, plan), signal };
    const chunks = Array.from({ length: chunkCount(ref.bytes) }, (_, index) => index);
    await new ChunkPuller(this.#components, init).pull(chunks);
  }
}

function missingBytes({ refs, present }: Held): number {
  const missing = refs.filter(({ root }) => !present.has(toHex(root)));
  // An empty input is held without a byte; the answer must not say that it is here already.
  return missing.reduce((sum, { bytes }) => sum + Math.max(1, bytes), 0);
}
