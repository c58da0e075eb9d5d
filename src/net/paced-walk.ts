/**
 * The DHT as libp2p's services walk it at random, for relays and for peers that dial back. Their
 * walk asks again the moment a query has ended, and with an empty routing table a query ends at
 * once: without a pause one lonely node spins for ever and starves its own timers.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type PeerRouting, peerRoutingSymbol } from '@libp2p/interface';
import type { KadDHT } from '@libp2p/kad-dht';
import { tableFilled } from './routing-table.ts';

/** Between two queries of a walk. */
const PAUSE_MS = 1_000;

/** The same DHT service, whose peer routing waits for a table and pauses after each query. */
export function withPacedWalk<C>(create: (components: C) => unknown): (components: C) => KadDHT {
  return (components) => {
    const dht = create(components) as KadDHT & Record<typeof peerRoutingSymbol, PeerRouting>;
    const inner = dht[peerRoutingSymbol];
    const paced: PeerRouting = {
      findPeer: (id, options) => inner.findPeer(id, options),
      async *getClosestPeers(key, options) {
        const signal = options?.signal ?? new AbortController().signal;
        await tableFilled(dht, signal);
        yield* inner.getClosestPeers(key, options);
        await delay(PAUSE_MS, undefined, { signal, ref: false });
      },
    };
    Object.defineProperty(dht, peerRoutingSymbol, { value: paced });
    return dht;
  };
}
