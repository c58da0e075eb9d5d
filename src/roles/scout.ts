/**
 * Finds the peers for a job: known adverts first, then direct neighbours, then provider records in
 * the directory. A roster is never just the first few that answered: once enough are known, the
 * search under way gets a short while to finish.
 */
import { KadreError } from '../base/errors.ts';
import { nodeIdOf, type PeerId } from '../base/ids.ts';
import type { Clock, Directory, Logger, Network, SignalOption } from '../base/ports.ts';
import { RecentMap } from '../base/recent.ts';
import { anySignal, sleep, throwIfAborted } from '../base/signals.ts';
import type { SignedAdvert } from '../swarm/advert.ts';
import type { AdvertBook } from '../swarm/advert-book.ts';
import {
  deviceClasses,
  offersFor,
  type Requirement,
  requirementText,
} from '../swarm/requirement.ts';
import { LIMITS } from '../wire/limits.ts';

export interface ScoutComponents {
  readonly network: Network;
  readonly directory: Directory;
  readonly book: AdvertBook;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Wanted {
  /** Kernel id that workers must offer. */
  readonly kernel: string;
  /** What their devices must be; absent: anything. */
  readonly requires?: Requirement | undefined;
  readonly workersMin: number;
  readonly cadreMin: number;
  /** How long to look before giving up. */
  readonly waitMs: number;
}

/** A finished search answers for this long before the directory is asked again. */
const SEARCH_FRESH_MS = 30_000;
/** Searches remembered; one that is forgotten is made again. */
const SEARCHES_MAX = 1_024;
/** How long a search may go on after enough peers are known. */
const SETTLE_MS = 1_500;
const RETRY_MS = 200;
/** How long the first search of a process watches for new neighbours, and how often it looks. */
const JOINING_MS = 1_000;
const NEIGHBOURS_MS = 100;
const ADVERT_TIMEOUT_MS = 3_000;

export class Scout {
  readonly #components: ScoutComponents;
  readonly #searchedAtMs = new RecentMap<string, number>(SEARCHES_MAX);

  constructor(components: ScoutComponents) {
    this.#components = components;
  }

  /** Adverts of capable peers, at least as many as wanted. Errors: NOT_ENOUGH_PEERS. */
  async gather(wanted: Wanted, options: SignalOption = {}): Promise<readonly SignedAdvert[]> {
    const { clock } = this.#components;
    const deadlineMs = clock.monotonicMs() + wanted.waitMs;
    for (;;) {
      throwIfAborted(options.signal);
      if (this.#isEnough(wanted) && this.#isFresh(wanted)) return this.#fit(wanted);
      await this.#search(wanted, deadlineMs, options);
      if (this.#isEnough(wanted)) return this.#fit(wanted);
      if (clock.monotonicMs() >= deadlineMs) throw this.#notEnough(wanted);
      await sleep(clock, RETRY_MS, options);
    }
  }

  /** Fetches and checks one peer's advert; undefined when it has none worth having. */
  async advertOf(peer: PeerId, options: SignalOption = {}): Promise<SignedAdvert | undefined> {
    const { network, book, log } = this.#components;
    const request = { timeoutMs: ADVERT_TIMEOUT_MS, signal: options.signal };
    const bytes = await network.request(peer, 'advert', new Uint8Array(0), request);
    const checked = book.offer(bytes, { expect: nodeIdOf(peer)! });
    if (checked.ok) return checked.value;
    log.log('debug', 'advert-refused', { peer, reason: checked.reason });
    network.penalise(peer, checked.penalty, checked.reason);
    return undefined;
  }

  /** One pass over neighbours and directory, cut short when enough are known for a while. */
  async #search(wanted: Wanted, deadlineMs: number, options: SignalOption): Promise<void> {
    const { clock } = this.#components;
    const cut = new AbortController();
    const signal = anySignal(options.signal, cut.signal);
    const hardStop = clock.setTimer(deadlineMs - clock.monotonicMs(), () => cut.abort());
    let settle: { cancel(): void } | undefined;
    const learned = () => {
      if (settle === undefined && this.#isEnough(wanted)) {
        settle = clock.setTimer(SETTLE_MS, () => cut.abort());
      }
    };
    try {
      await Promise.all([
        this.#learnNeighbours(signal, learned),
        ...classesOf(wanted).map((name) => this.#searchClass(name, signal, learned)),
        wanted.cadreMin > 0 ? this.#searchClass('role/cadre', signal, learned) : undefined,
      ]);
      this.#searchedAtMs.set(searchOf(wanted), clock.monotonicMs());
    } finally {
      hardStop.cancel();
      settle?.cancel();
    }
  }

  /**
   * Direct neighbours, and in a process that has only just joined also those that the next moments
   * bring: the directory of a young swarm does not know everybody yet.
   */
  async #learnNeighbours(signal: AbortSignal, learned: () => void): Promise<void> {
    const { clock, network } = this.#components;
    const isFirst = this.#searchedAtMs.size === 0;
    const untilMs = clock.monotonicMs() + (isFirst ? JOINING_MS : 0);
    for (;;) {
      await this.#learnAll(network.connectedPeers(), signal, learned);
      if (signal.aborted || clock.monotonicMs() >= untilMs) return;
      await sleep(clock, NEIGHBOURS_MS, { signal }).catch(() => undefined);
    }
  }

  async #searchClass(name: string, signal: AbortSignal, learned: () => void): Promise<void> {
    const { directory, network, log } = this.#components;
    const fetches: Promise<void>[] = [];
    try {
      for await (const hint of directory.find(name, { max: LIMITS.rosterAdvertsMax, signal })) {
        if (hint.peer === network.self) continue;
        fetches.push(
          network
            .addAddresses(hint.peer, hint.addresses)
            .then(() => this.#learnAll([hint.peer], signal, learned)),
        );
      }
    } catch (cause) {
      if (!signal.aborted)
        log.log('debug', 'directory-search-failed', { name, cause: String(cause) });
    }
    await Promise.allSettled(fetches);
  }

  /** Asks each peer that is not known yet for its advert; failures only cost that peer. */
  async #learnAll(
    peers: readonly PeerId[],
    signal: AbortSignal,
    learned: () => void,
  ): Promise<void> {
    const unknown = peers.filter((peer) => this.#components.book.get(peer) === undefined);
    await Promise.allSettled(
      unknown.map(async (peer) => {
        if ((await this.advertOf(peer, { signal })) !== undefined) learned();
      }),
    );
  }

  #isFresh(wanted: Wanted): boolean {
    const atMs = this.#searchedAtMs.get(searchOf(wanted));
    return atMs !== undefined && this.#components.clock.monotonicMs() - atMs < SEARCH_FRESH_MS;
  }

  #fit(wanted: Wanted): readonly SignedAdvert[] {
    return this.#components.book
      .all()
      .filter(({ advert }) => isWorker(advert, wanted) || isCadre(advert))
      .slice(0, LIMITS.rosterAdvertsMax);
  }

  #isEnough(wanted: Wanted): boolean {
    const { workers, cadre } = this.#count(wanted);
    return workers >= wanted.workersMin && cadre >= wanted.cadreMin;
  }

  #count(wanted: Wanted): { workers: number; cadre: number } {
    const adverts = this.#components.book.all();
    return {
      workers: adverts.filter(({ advert }) => isWorker(advert, wanted)).length,
      cadre: adverts.filter(({ advert }) => isCadre(advert)).length,
    };
  }

  #notEnough(wanted: Wanted): KadreError {
    const found = this.#count(wanted);
    const { requires } = wanted;
    const asked = requires === undefined ? '' : ` on ${requirementText(requires)}`;
    return new KadreError(
      { code: 'NOT_ENOUGH_PEERS', data: { ...found, ...wanted } },
      `found ${found.workers} workers for ${wanted.kernel}${asked} (need ${wanted.workersMin}) and ` +
        `${found.cadre} cadre-capable peers (need ${wanted.cadreMin}) in ${wanted.waitMs} ms`,
    );
  }
}

type AdvertBody = SignedAdvert['advert'];

/** What a search looked for, apart from how many. */
function searchOf({ kernel, requires }: Wanted): string {
  return `${kernel} ${JSON.stringify(requires ?? null)}`;
}

/** Where workers may be found: among many that offer the kernel, few may have the device. */
function classesOf({ kernel, requires }: Wanted): string[] {
  return [`kernel/${kernel}`, ...deviceClasses(requires)];
}

function isWorker(advert: AdvertBody, { kernel, requires }: Wanted): boolean {
  return offersFor(advert, kernel, requires).length > 0;
}

function isCadre(advert: AdvertBody): boolean {
  return advert.roles.includes('cadre');
}
