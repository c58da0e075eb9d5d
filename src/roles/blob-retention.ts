/**
 * What a node's blob store keeps and for how long: results, inputs and certificates stay a day
 * after they were last put or needed, and as long as anything live needs them (job.md section 5).
 */
import type { Digest } from '../base/ids.ts';
import type { BlobStore, Clock, Logger, Timer } from '../base/ports.ts';

export interface BlobRetentionComponents {
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** Lets go what is too old itself, before it is asked what it needs. */
  readonly forget: () => Promise<void>;
  /** Roots that something live needs. */
  readonly needed: () => Iterable<Digest>;
}

export interface BlobRetentionInit {
  readonly keepMs: number;
  /** How often is looked; a blob outstays its time by this much at most. */
  readonly sweepMs: number;
}

export class BlobRetention {
  readonly name = 'blob-retention';
  readonly #components: BlobRetentionComponents;
  readonly #init: BlobRetentionInit;
  #timer: Timer | undefined;
  #sweeping: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(components: BlobRetentionComponents, init: BlobRetentionInit) {
    this.#components = components;
    this.#init = init;
  }

  async start(): Promise<void> {
    this.#schedule();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#sweeping;
  }

  #schedule(): void {
    if (this.#isStopped) return;
    this.#timer = this.#components.clock.setTimer(this.#init.sweepMs, () => {
      this.#sweeping = this.#sweep().then(() => this.#schedule());
    });
  }

  async #sweep(): Promise<void> {
    const { blobs, clock, log, forget, needed } = this.#components;
    try {
      await forget();
      const freed = await blobs.expire(clock.wallMs() - this.#init.keepMs, needed());
      if (freed > 0) log.log('info', 'blobs-expired', { bytes: freed });
    } catch (cause) {
      log.log('warn', 'blobs-not-expired', { cause: String(cause) });
    }
  }
}
