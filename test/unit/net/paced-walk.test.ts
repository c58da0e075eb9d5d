import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PeerRouting, peerRoutingSymbol } from '@libp2p/interface';
import { withPacedWalk } from '../../../src/net/paced-walk.ts';

/** A DHT that answers every query at once, as one with an empty table does. */
class EagerDht {
  queries = 0;
  readonly routingTable = Object.assign(new EventTarget(), { size: 0 });
  get [peerRoutingSymbol]() {
    return {
      findPeer: async () => undefined,
      getClosestPeers: () => {
        dht.queries += 1;
        return [];
      },
    };
  }
}
let dht: EagerDht;
interface Routed {
  readonly [peerRoutingSymbol]: PeerRouting;
}

test('a walk asks nobody while the table is empty, then pauses after each query', async () => {
  const create = withPacedWalk(() => {
    dht = new EagerDht();
    return dht;
  });
  const routing = (create({}) as unknown as Routed)[peerRoutingSymbol];
  const stop = new AbortController();
  const walk = (async () => {
    for (;;) {
      const options = { signal: stop.signal };
      for await (const peer of routing.getClosestPeers(new Uint8Array(32), options)) void peer;
    }
  })();
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  for (let i = 0; i < 20; i++) await turn();
  assert.equal(dht.queries, 0);
  dht.routingTable.size = 1;
  dht.routingTable.dispatchEvent(new Event('peer:add'));
  for (let i = 0; i < 20; i++) await turn();
  assert.equal(dht.queries, 1);
  stop.abort();
  await assert.rejects(walk, { name: 'AbortError' });
});
