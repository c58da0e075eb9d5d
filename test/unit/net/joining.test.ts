/** Hosts on loopback that find each other without a bootstrap node of their own. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { noise } from '@chainsafe/libp2p-noise';
import { type Identify, identify } from '@libp2p/identify';
import { type KadDHT, kadDHT, passthroughMapper } from '@libp2p/kad-dht';
import { type Ping, ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { createLibp2p, type Libp2p } from 'libp2p';
import { createHost, type Host, type HostInit } from '../../../src/net/host.ts';
import type { AddressStore } from '../../../src/net/peer-memory.ts';
import { realClock, realRandom, silentLogger } from '../../support/real-ports.ts';

const running: { stop(): Promise<void> | void }[] = [];
after(async () => {
  for (const one of running.reverse()) await one.stop();
});

async function start(init: Partial<HostInit>, extra = {}): Promise<Host> {
  const host = await createHost(
    { clock: realClock, random: realRandom, logger: silentLogger, ...extra },
    {
      seed: realRandom.bytes(32),
      networkId: 'joining-test',
      listen: ['/ip4/127.0.0.1/tcp/0'],
      bootstrap: [],
      server: true,
      ...init,
    },
  );
  running.push(host);
  await host.start();
  return host;
}

/** Nodes of somebody else's DHT, knowing nothing of ours. */
async function strangers(count: number, protocol: string): Promise<string[]> {
  const nodes: Libp2p[] = [];
  for (let i = 0; i < count; i++) {
    const node = await createLibp2p<{ dht: KadDHT; identify: Identify; ping: Ping }>({
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: {
        identify: identify(),
        ping: ping(),
        dht: kadDHT({ protocol, clientMode: false, peerInfoMapper: passthroughMapper }),
      },
    });
    for (const other of nodes) await node.dial(other.getMultiaddrs());
    nodes.push(node);
    running.push(node);
  }
  return nodes.map((node) => String(node.getMultiaddrs()[0]));
}

function memoryStore(): AddressStore {
  let held: readonly string[] = [];
  return {
    load: async () => held,
    save: async (addresses) => {
      held = addresses;
    },
  };
}

const inTime = () => AbortSignal.timeout(20_000);

describe('joining', { timeout: 60_000 }, () => {
  it('through peers of the last run, with no bootstrap node left', async () => {
    const remembered = memoryStore();
    const first = await start({});
    const seed = realRandom.bytes(32);
    const bootstrap = first.network.addresses();
    const before = await start({ seed, bootstrap, remembered });
    await before.joined(inTime());
    await before.stop();
    const again = await start({ seed, remembered });
    await again.joined(inTime());
    assert.deepEqual(again.network.connectedPeers(), [first.network.self]);
  });

  it('through a DNS list', async () => {
    const first = await start({});
    const records = first.network.addresses().map((address) => [`dnsaddr=${address}`]);
    const names: string[] = [];
    const resolveTxt = async (name: string) => {
      names.push(name);
      return records;
    };
    const other = await start({ bootstrap: ['/dnsaddr/boot.example'] }, { resolveTxt });
    await other.joined(inTime());
    assert.deepEqual(new Set(names), new Set(['_dnsaddr.boot.example']));
  });

  it("through somebody else's DHT, whoever came first", async () => {
    const protocol = '/stand-in/kad/1.0.0';
    const rendezvous = { protocol, bootstrap: await strangers(4, protocol) };
    const first = await start({ networkId: 'rendezvous-test', rendezvous });
    const other = await start({ networkId: 'rendezvous-test', rendezvous });
    const foreign = await start({ networkId: 'rendezvous-other', rendezvous });
    await other.joined(inTime());
    assert.deepEqual(other.network.connectedPeers(), [first.network.self]);
    assert.deepEqual(foreign.network.connectedPeers(), [], 'networks do not mix');
  });
});
