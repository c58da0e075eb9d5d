/**
 * Keeps this node findable: signs a fresh advert when the last one ages, announces its capability
 * classes in the directory, and answers peers that ask for it.
 */
import { asKadreError, KadreError } from '../base/errors.ts';
import type { PeerId } from '../base/ids.ts';
import type { Clock, Directory, Logger, Network, Timer } from '../base/ports.ts';
import type { SignedAdvert } from '../swarm/advert.ts';
import type { AdvertBook } from '../swarm/advert-book.ts';
import { type AdvertFacts, capabilityClasses, type OwnAdvert } from '../swarm/own-advert.ts';
import { encodeCanonical } from '../wire/cbor.ts';
import type { WorkGate } from './work-gate.ts';

export interface AdvertiserComponents {
  readonly network: Network;
  readonly directory: Directory;
  readonly book: AdvertBook;
  readonly clock: Clock;
  readonly log: Logger;
  readonly own: OwnAdvert;
  /** Answers peers that ask whether they can be reached; absent where nobody can be dialled. */
  readonly dialBack?: ((from: PeerId, body: Uint8Array) => Promise<Uint8Array>) | undefined;
  /** Whether the advert is shown. */
  readonly gate: WorkGate;
  /** The node as it is now. */
  readonly facts: () => AdvertFacts;
  /** Called with each new sequence number, to be stored. */
  readonly onSequence: (sequence: number) => void;
}

export interface AdvertiserInit {
  /** Classes are announced again this often; providers are forgotten after a day. */
  readonly announceMs?: number;
  /** An announcement that nobody took is tried again this often. */
  readonly retryMs?: number;
}

const ANNOUNCE_MS = 3_600_000;
const RETRY_MS = 2_000;

export class Advertiser {
  readonly name = 'advertiser';
  readonly #components: AdvertiserComponents;
  readonly #announceMs: number;
  readonly #retryMs: number;
  readonly #stopping = new AbortController();
  #shown: SignedAdvert | undefined;
  #timer: Timer | undefined;
  #unhandle: (() => void) | undefined;

  constructor(components: AdvertiserComponents, init: AdvertiserInit = {}) {
    this.#components = components;
    this.#announceMs = init.announceMs ?? ANNOUNCE_MS;
    this.#retryMs = init.retryMs ?? RETRY_MS;
  }

  /** The advert that peers get now. */
  current(): SignedAdvert {
    const { own, facts, book, onSequence } = this.#components;
    const advert = own.current(facts());
    if (advert !== this.#shown) {
      this.#shown = advert;
      book.offer(encodeCanonical(advert));
      onSequence(own.sequence);
    }
    return advert;
  }

  async start(): Promise<void> {
    this.current();
    const { dialBack } = this.#components;
    this.#unhandle = this.#components.network.handle('advert', {
      request: async (from, body) => {
        if (body.length > 0 && dialBack !== undefined) return dialBack(from, body);
        const { closedFor } = this.#components.gate;
        if (closedFor === undefined) return encodeCanonical(this.current());
        // Whoever plans a job now shall not plan on this node.
        throw new KadreError({ code: 'PEER_REFUSED' }, `takes no work: ${closedFor}`);
      },
    });
    void this.#announce();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#timer?.cancel();
    this.#unhandle?.();
  }

  /** One announcement; then again after a while, or soon when nobody took it. */
  async #announce(): Promise<void> {
    const { directory, clock, log } = this.#components;
    const { signal } = this.#stopping;
    let delayMs = this.#announceMs;
    try {
      await directory.announce(capabilityClasses(this.current().advert), { signal });
    } catch (cause) {
      if (signal.aborted) return;
      delayMs = this.#retryMs;
      const { code, message } = asKadreError(cause, 'PEER_UNREACHABLE', 'announcement failed');
      log.log('debug', 'announce-failed', { code, message });
    }
    if (!signal.aborted) this.#timer = clock.setTimer(delayMs, () => void this.#announce());
  }
}
