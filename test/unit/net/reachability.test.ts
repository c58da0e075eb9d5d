import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { addressKind } from '../../../src/net/address-kinds.ts';
import { dialRank, dialSorter, Subnet } from '../../../src/net/dial-order.ts';
import { judgeReachability, ReachabilityWatch } from '../../../src/net/reachability.ts';

const RELAY = '12D3KooWNLKi1zk5zjE4gNWXasAAHatgVZbqLBWySMnCR1RQAQt6';
const RELAYED = `/ip4/45.9.0.1/tcp/4001/p2p/${RELAY}/p2p-circuit`;

describe('addresses', () => {
  it('are told apart by where they lead', () => {
    const kinds: Readonly<Record<string, string>> = {
      '/ip4/45.9.0.1/tcp/1': 'public',
      '/ip4/172.15.0.1/tcp/1': 'public',
      '/ip4/172.16.0.1/tcp/1': 'private',
      '/ip4/172.32.0.1/tcp/1': 'public',
      '/ip4/192.168.9.9/tcp/1': 'private',
      '/ip4/10.1.2.3/tcp/1': 'private',
      '/ip4/169.254.1.1/tcp/1': 'private',
      '/ip4/100.64.0.1/tcp/1': 'private',
      '/ip4/100.128.0.1/tcp/1': 'public',
      '/ip4/127.9.9.9/tcp/1': 'loopback',
      '/ip4/0.0.0.0/tcp/1': 'private',
      '/ip6/::1/tcp/1': 'loopback',
      '/ip6/fe80::1/tcp/1': 'private',
      '/ip6/fd00::1/tcp/1': 'private',
      '/ip6/2a01::1/tcp/1': 'public',
      '/ip6/::ffff:10.0.0.1/tcp/1': 'private',
      '/dns4/node.example.org/tcp/1': 'public',
      [RELAYED]: 'relayed',
      nonsense: 'public',
    };
    for (const [address, kind] of Object.entries(kinds)) {
      assert.equal(addressKind(address), kind, address);
    }
  });

  it('are dialled neighbours first, foreign private ones after relays', () => {
    const home = [new Subnet('192.168.1.7', '255.255.255.0')];
    const sorted = [
      '/ip4/192.168.1.9/tcp/1',
      '/ip4/45.9.0.1/tcp/1',
      '/ip4/45.9.0.1/tcp/2/ws',
      '/ip4/127.0.0.1/tcp/1',
      RELAYED,
      '/ip4/192.168.2.9/tcp/1',
    ];
    const shuffled = [3, 5, 0, 4, 2, 1].map((index) => ({ multiaddr: sorted[index]! }));
    const order = shuffled.sort(dialSorter(() => home)).map((address) => address.multiaddr);
    assert.deepEqual(order, sorted);
    assert.equal(dialRank('/ip6/fd00::1/tcp/1', home), 5);
  });
});

describe('reachability', () => {
  it('follows from own public addresses and public remote ends', () => {
    const lan = ['/ip4/192.168.1.7/tcp/1'];
    assert.equal(judgeReachability(lan, []), 'local');
    assert.equal(judgeReachability(lan, ['/ip4/192.168.1.9/tcp/1']), 'local');
    assert.equal(judgeReachability(lan, ['/ip4/45.9.0.1/tcp/1']), 'behind-nat');
    assert.equal(judgeReachability([...lan, RELAYED], ['/ip4/45.9.0.1/tcp/1']), 'behind-nat');
    assert.equal(judgeReachability([...lan, '/ip4/45.9.1.1/tcp/1'], []), 'public');
  });

  it('asks for relays once, however often it changes, and only when told to', async () => {
    for (const useRelays of [true, false]) {
      const world = fakeWorld();
      const watch = new ReachabilityWatch(world.components, { useRelays });
      const states: string[] = [];
      watch.onChange((state) => states.push(state));
      watch.start();
      world.remotes.push({ remoteAddr: multiaddr('/ip4/45.9.0.1/tcp/1'), limits: {} });
      world.events.dispatchEvent(new Event('connection:open'));
      world.remotes.push({ remoteAddr: multiaddr('/ip4/45.9.0.1/tcp/1') });
      world.events.dispatchEvent(new Event('connection:open'));
      world.own.push(multiaddr('/ip4/45.9.1.1/tcp/1'));
      world.events.dispatchEvent(new Event('self:peer:update'));
      world.own.pop();
      world.events.dispatchEvent(new Event('self:peer:update'));
      watch.stop();
      world.own.push(multiaddr('/ip4/45.9.1.1/tcp/1'));
      world.events.dispatchEvent(new Event('self:peer:update'));
      assert.deepEqual(states, ['behind-nat', 'public', 'behind-nat']);
      assert.deepEqual(world.listens, useRelays ? ['/p2p-circuit,/p2p-circuit'] : []);
    }
  });

  it('vouches for public addresses of own interfaces, and for no others', () => {
    const world = fakeWorld();
    new ReachabilityWatch(world.components, { useRelays: true }).start();
    const texts = ['/ip4/45.9.1.1/tcp/1', '/ip4/10.0.0.1/tcp/1', RELAYED];
    world.transports.push(...texts.map((text) => multiaddr(text)));
    world.events.dispatchEvent(new Event('transport:listening'));
    assert.deepEqual(world.confirmed, ['/ip4/45.9.1.1/tcp/1']);
  });
});

function fakeWorld() {
  const [own, transports]: [Multiaddr[], Multiaddr[]] = [[], []];
  const remotes: { remoteAddr: Multiaddr; limits?: unknown }[] = [];
  const [listens, confirmed]: [string[], string[]] = [[], []];
  const events = new EventTarget();
  return {
    own,
    transports,
    remotes,
    listens,
    confirmed,
    events,
    components: {
      events,
      addressManager: {
        getAddresses: () => own,
        confirmObservedAddr: (address: Multiaddr) => void confirmed.push(address.toString()),
      },
      connectionManager: { getConnections: () => remotes },
      transportManager: {
        getAddrs: () => transports,
        listen: async (addresses: Multiaddr[]) => void listens.push(addresses.map(String).join()),
      },
    },
  };
}
