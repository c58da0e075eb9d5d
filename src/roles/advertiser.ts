/**
 * Keeps this node findable: signs a fresh advert before the last one expires, announces its
 * capability classes in the directory, and answers peers that ask for it.
 */
import { asKadreError } from '../base/errors.ts';
import type { Clock, Directory, Logger, Network, Timer } from '../base/ports.ts';
import type { SignedAdvert } from '../swarm/advert.ts';
import type { AdvertBook } from '../swarm/advert-book.ts';
import { capabilityClasses } from '../swarm/own-advert.ts';
import { encodeCanonical } from '../wire/cbor.ts';

export interface AdvertiserComponents {
  readonly network: Network;
  readonly directory: Directory;
  readonly book: AdvertBook;
  readonly clock: Clock;
  readonly log: Logger;
  /** Signs an advert of the node as it is now; sequence numbers grow across restarts. */
  readonly nextAdvert: () => Promise<SignedAdvert>;
}

export interface AdvertiserInit {
  /** A fresh advert is signed this often; half an advert's lifetime. */
  readonly refreshMs: number;
  /** Announcing to an empty routing table is tried again this often. */
  readonly retryMs: number;
}

export class Advertiser {
  readonly name = 'advertiser';
  readonly #components: AdvertiserComponents;
  readonly #init: AdvertiserInit;
  readonly #stopping = new AbortController();
  #current: SignedAdvert | undefined;
  #timer: Timer | undefined;
  #unhandle: (() => void) | undefined;

  constructor(components: AdvertiserComponents, init: AdvertiserInit) {
    this.#components = components;
    this.#init = init;
  }

  /** The advert that peers get now. */
  get current(): SignedAdvert | undefined {
    return this.#current;
  }

  async start(): Promise<void> {
    await this.#renew();
    this.#unhandle = this.#components.network.handle('advert', {
      request: async () => encodeCanonical(this.#current),
    });
    void this.#announce();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#timer?.cancel();
    this.#unhandle?.();
  }

  async #renew(): Promise<void> {
    const advert = await this.#components.nextAdvert();
    this.#current = advert;
    this.#components.book.check(advert);
  }

  /** One announcement; then again after a refresh period, or soon when nobody took it. */
  async #announce(): Promise<void> {
    const { directory, clock, log } = this.#components;
    const { signal } = this.#stopping;
    let delayMs = this.#init.refreshMs;
    try {
      await directory.announce(capabilityClasses(this.#current!.advert), { signal });
    } catch (cause) {
      if (signal.aborted) return;
      delayMs = this.#init.retryMs;
      const { code, message } = asKadreError(cause, 'PEER_UNREACHABLE', 'announcement failed');
      log.log('debug', 'announce-failed', { code, message });
    }
    if (signal.aborted) return;
    this.#timer = clock.setTimer(delayMs, () => void this.#renew().then(() => this.#announce()));
  }
}
