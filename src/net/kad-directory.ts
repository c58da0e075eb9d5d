/**
 * The `Directory` port over the DHT's provider records: capability class to peers. A class is
 * spread over a few keys (buckets) so that no single key becomes hot; a node announces itself under
 * one of them, chosen by its id, and a finder asks them in random order until it has enough
 * (docs/protocol/directory.md).
 */
import type { IdentifyResult } from '@libp2p/interface';
import type { KadDHT } from '@libp2p/kad-dht';
import type { Libp2p } from 'libp2p';
import { CID } from 'multiformats/cid';
import { create as createMultihash } from 'multiformats/hashes/digest';
import { utf8 } from '../base/bytes.ts';
import { KadreError } from '../base/errors.ts';
import type { NodeId, PeerId } from '../base/ids.ts';
import type {
  Clock,
  Directory,
  Logger,
  ProviderHint,
  Random,
  SignalOption,
  Timer,
} from '../base/ports.ts';
import { anySignal, throwIfAborted } from '../base/signals.ts';
import { sha256, taggedHash } from '../crypto/portable/hash.ts';
import { TAGS } from '../wire/tags.ts';
import { ADDRESSES_MAX } from './protocols.ts';
import { tableFilled } from './routing-table.ts';

export interface KadDirectoryComponents {
  readonly libp2p: Libp2p;
  readonly dht: KadDHT;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface KadDirectoryInit {
  readonly networkId: string;
}

/** Keys per class. Part of the protocol: finders and announcers must agree. */
export const CLASS_BUCKETS = 4;
const CLASSES_MAX = 64;
/** With the announced ones still below what others keep of one peer (512). */
const EXTRA_CLASSES_MAX = 384;
const ANNOUNCE_TIMEOUT_MS = 15_000;
const TABLE_TIMEOUT_MS = 2_000;
const FIND_TIMEOUT_MS = 10_000;
/** A new neighbour is told our records this soon, and at most this often. */
const RENEW_DELAY_MS = 1_000;
const RENEW_INTERVAL_MIN_MS = 10_000;
/** In a network with more peers than this the DHT's own periodic renewal is enough. */
const SMALL_NETWORK_PEERS = 20;
const SHA2_256 = 0x12;
const RAW = 0x55;

/** The DHT key of one bucket of a class in a network. */
export function classKey(networkId: string, capabilityClass: string, bucket: number): CID {
  const digest = taggedHash(
    TAGS.capabilityClass,
    utf8(`${networkId}\0${capabilityClass}\0`),
    Uint8Array.of(bucket),
  );
  return CID.createV1(RAW, createMultihash(SHA2_256, digest));
}

/** The bucket under which a node announces all its classes. */
export function bucketOf(node: NodeId): number {
  return sha256(node)[0]! % CLASS_BUCKETS;
}

export class KadDirectory implements Directory {
  readonly #components: KadDirectoryComponents;
  readonly #init: KadDirectoryInit;
  readonly #stopping = new AbortController();
  #announced: readonly string[] = [];
  /** Provided one by one, beside what is announced. */
  readonly #extra = new Set<string>();
  #timer: Timer | undefined;
  #renewedMs = Number.NEGATIVE_INFINITY;

  constructor(components: KadDirectoryComponents, init: KadDirectoryInit) {
    this.#components = components;
    this.#init = init;
  }

  start(): void {
    this.#components.libp2p.addEventListener('peer:identify', this.#onIdentify);
  }

  stop(): void {
    this.#components.libp2p.removeEventListener('peer:identify', this.#onIdentify);
    this.#timer?.cancel();
    this.#stopping.abort(new KadreError({ code: 'STOPPED' }, 'the directory is stopping'));
  }

  /**
   * Publishes that this node provides exactly these classes; earlier ones lapse. Records are
   * renewed by themselves before they expire. Resolves when the closest peers known now have them;
   * with no peer it resolves at once and the first peers to appear are told.
   */
  async announce(classes: readonly string[], options: SignalOption = {}): Promise<void> {
    if (classes.length > CLASSES_MAX) {
      const init = { code: 'BAD_PARAMETER', data: { max: CLASSES_MAX } } as const;
      throw new KadreError(init, `${classes.length} capability classes, at most ${CLASSES_MAX}`);
    }
    const wanted = [...new Set(classes)];
    const dropped = this.#announced.filter((name) => !wanted.includes(name));
    this.#announced = wanted;
    await Promise.all(dropped.map((name) => this.#components.dht.cancelReprovide(this.#own(name))));
    await this.#provideSome(wanted, options.signal);
  }

  async provide(name: string, options: SignalOption = {}): Promise<void> {
    if (this.#extra.size >= EXTRA_CLASSES_MAX && !this.#extra.has(name)) {
      const init = { code: 'OVERLOADED', data: { max: EXTRA_CLASSES_MAX } } as const;
      throw new KadreError(init, `${EXTRA_CLASSES_MAX} classes are provided already`);
    }
    this.#extra.add(name);
    await this.#provideSome([name], options.signal);
  }

  withdraw(name: string): void {
    if (!this.#extra.delete(name)) return;
    this.#components.dht.cancelReprovide(this.#own(name)).catch((cause) => {
      this.#components.logger.log('debug', 'withdraw-failed', { name, cause: String(cause) });
    });
  }

  /** Peers of a class, each once, never this node, in no particular order. */
  async *find(
    capabilityClass: string,
    options: SignalOption & { max: number },
  ): AsyncGenerator<ProviderHint, void> {
    const { random, libp2p } = this.#components;
    await this.#tableFilled(options.signal);
    const seen = new Set<PeerId>([libp2p.peerId.toString()]);
    const buckets = random.shuffle(Array.from({ length: CLASS_BUCKETS }, (_, index) => index));
    let left = options.max;
    for (const bucket of buckets) {
      if (left <= 0) return;
      for await (const hint of this.#findInBucket(capabilityClass, bucket, options.signal)) {
        if (seen.has(hint.peer)) continue;
        seen.add(hint.peer);
        yield hint;
        left -= 1;
        if (left <= 0) return;
      }
    }
  }

  /** Right after joining a query would ask nobody; alone in the world it may. */
  async #tableFilled(caller: AbortSignal | undefined): Promise<void> {
    if (this.#components.libp2p.getPeers().length === 0) return;
    const late = AbortSignal.timeout(TABLE_TIMEOUT_MS);
    try {
      await tableFilled(this.#components.dht, anySignal(late, caller, this.#stopping.signal));
    } catch {
      throwIfAborted(caller);
      throwIfAborted(this.#stopping.signal);
    }
  }

  async *#findInBucket(
    capabilityClass: string,
    bucket: number,
    caller: AbortSignal | undefined,
  ): AsyncGenerator<ProviderHint> {
    const late = AbortSignal.timeout(FIND_TIMEOUT_MS);
    const signal = anySignal(late, caller, this.#stopping.signal);
    const key = classKey(this.#init.networkId, capabilityClass, bucket);
    try {
      for await (const event of this.#components.dht.findProviders(key, { signal })) {
        if (event.name !== 'PROVIDER') continue;
        for (const { id, multiaddrs } of event.providers) {
          const addresses = multiaddrs.slice(0, ADDRESSES_MAX).map(String);
          yield { peer: id.toString(), addresses };
        }
      }
    } catch (cause) {
      throwIfAborted(caller);
      throwIfAborted(this.#stopping.signal);
      // What was found so far counts; a failed lookup is not a failed search.
      const fields = { capabilityClass, bucket, cause: String(cause) };
      this.#components.logger.log('debug', 'lookup-failed', fields);
    }
  }

  /**
   * In a small network every node is among the closest to every key, so one that appears later must
   * be told what was announced before; the DHT itself would wait for the next renewal.
   */
  readonly #onIdentify = (_event: CustomEvent<IdentifyResult>): void => {
    const isSilent = this.#announced.length + this.#extra.size === 0;
    if (isSilent || this.#timer !== undefined) return;
    if (this.#components.libp2p.getPeers().length > SMALL_NETWORK_PEERS) return;
    const { clock, logger } = this.#components;
    const sinceMs = clock.monotonicMs() - this.#renewedMs;
    const delayMs = Math.max(RENEW_DELAY_MS, RENEW_INTERVAL_MIN_MS - sinceMs);
    this.#timer = clock.setTimer(delayMs, () => {
      this.#timer = undefined;
      this.#renewedMs = clock.monotonicMs();
      this.#provideSome([...this.#announced, ...this.#extra], undefined).catch((cause) => {
        logger.log('debug', 'renewal-failed', { cause: String(cause) });
      });
    });
  };

  async #provideSome(classes: readonly string[], caller?: AbortSignal): Promise<void> {
    const signal = anySignal(caller, this.#stopping.signal);
    const provide = async (capabilityClass: string): Promise<void> => {
      try {
        const key = this.#own(capabilityClass);
        const late = anySignal(AbortSignal.timeout(ANNOUNCE_TIMEOUT_MS), signal);
        for await (const event of this.#components.dht.provide(key, { signal: late })) void event;
      } catch (cause) {
        throwIfAborted(caller);
        throwIfAborted(this.#stopping.signal);
        const fields = { capabilityClass, cause: String(cause) };
        this.#components.logger.log('debug', 'announce-failed', fields);
      }
    };
    // One after another: each costs about twice as many messages as there are close peers.
    for (const capabilityClass of classes) await provide(capabilityClass);
  }

  #own(capabilityClass: string): CID {
    const bucket = bucketOf(this.#components.libp2p.peerId.toMultihash().bytes);
    return classKey(this.#init.networkId, capabilityClass, bucket);
  }
}
