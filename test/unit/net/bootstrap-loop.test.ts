import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KadDHT } from '@libp2p/kad-dht';
import type { Libp2p } from 'libp2p';
import { BootstrapLoop, type JoinSource } from '../../../src/net/bootstrap-loop.ts';
import { settle } from '../../support/fake-stream.ts';
import { silentLogger } from '../../support/real-ports.ts';

const PEER = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp';
const SELF = '12D3KooWNLKi1zk5zjE4gNWXasAAHatgVZbqLBWySMnCR1RQAQt6';
const ADDRESS = `/ip4/127.0.0.1/tcp/4001/p2p/${PEER}`;

/** A host that nobody answers until told so, with timers run by hand. */
function world(sources: readonly JoinSource[] = [], addresses = [ADDRESS]) {
  const events = new EventTarget();
  const table = Object.assign(new EventTarget(), { size: 0 });
  const delays: number[] = [];
  let pending: (() => void) | undefined;
  const state = { dials: 0, explored: 0, answers: false, peers: [] as string[] };
  const libp2p = {
    peerId: { toMultihash: () => ({ bytes: new Uint8Array(38) }), toString: () => SELF },
    addEventListener: events.addEventListener.bind(events),
    removeEventListener: events.removeEventListener.bind(events),
    getPeers: () => state.peers,
    dial: async () => {
      state.dials += 1;
      if (!state.answers) throw new Error('connection refused');
      state.peers = [PEER];
    },
  };
  const dht = {
    routingTable: table,
    getClosestPeers: async function* () {
      state.explored += 1;
      yield* [];
    },
  };
  const clock = {
    wallMs: () => 0,
    monotonicMs: () => 0,
    setTimer: (delayMs: number, callback: () => void) => {
      delays.push(delayMs);
      pending = callback;
      return {
        cancel: () => {
          if (pending === callback) pending = undefined;
        },
      };
    },
  };
  const random = {
    bytes: () => new Uint8Array(0),
    integer: () => 0,
    shuffle: <T>(x: readonly T[]) => [...x],
  };
  const loop = new BootstrapLoop(
    {
      libp2p: libp2p as unknown as Libp2p,
      dht: dht as unknown as KadDHT,
      clock,
      random,
      logger: silentLogger,
    },
    { addresses, sources, retryMinMs: 100, retryMaxMs: 800 },
  );
  const fire = async () => {
    const callback = pending;
    pending = undefined;
    callback?.();
    await settle();
  };
  const disconnect = async () => {
    state.peers = [];
    events.dispatchEvent(new Event('peer:disconnect'));
    await settle();
  };
  return { loop, state, delays, fire, disconnect, table, isWaiting: () => pending !== undefined };
}

describe('bootstrap loop', () => {
  it('tries again with a doubling, capped delay until someone answers', async () => {
    const { loop, state, delays, fire, isWaiting } = world();
    loop.start();
    await settle();
    for (let i = 0; i < 5; i++) await fire();
    // Half of each delay is chance, which is zero here.
    assert.deepEqual(delays, [50, 100, 200, 400, 400, 400]);
    state.answers = true;
    await fire();
    assert.equal(state.dials, 7);
    assert.ok(!isWaiting());
    loop.stop();
  });

  it('starts over when the last peer is gone, and not before', async () => {
    const { loop, state, delays, fire, disconnect } = world();
    state.answers = true;
    loop.start();
    await settle();
    assert.equal(state.dials, 1);
    state.answers = false;
    await disconnect();
    assert.deepEqual(delays, [50]);
    await fire();
    assert.equal(state.dials, 2);
    assert.deepEqual(delays, [50, 100]);
    loop.stop();
  });

  it('asks other sources in every round, the last resort only when nobody answered', async () => {
    const asked: string[] = [];
    const source = (name: string, found: string[], isLastResort = false): JoinSource => ({
      name,
      isLastResort,
      find: async () => {
        asked.push(name);
        if (found.length === 0) throw new Error('unreadable');
        return found;
      },
    });
    const own = `/ip4/127.0.0.1/tcp/1/p2p/${SELF}`;
    const near = source('near', [ADDRESS, own, 'nonsense']);
    const sources = [near, source('broken', []), source('far', [ADDRESS], true)];
    const { loop, state, fire, isWaiting } = world(sources, []);
    loop.start();
    await settle();
    assert.deepEqual(asked, ['near', 'broken', 'far']);
    assert.equal(state.dials, 2, 'neither itself nor what is no address');
    state.answers = true;
    await fire();
    assert.deepEqual(asked, ['near', 'broken', 'far', 'near', 'broken']);
    assert.ok(!isWaiting());
    loop.stop();
  });

  it('goes on with its rounds while a last resort takes its time', async () => {
    let asked = 0;
    const find = () => {
      asked += 1;
      return new Promise<string[]>(() => undefined);
    };
    const { loop, state, fire } = world([{ name: 'slow', isLastResort: true, find }]);
    loop.start();
    await settle();
    for (let i = 0; i < 3; i++) await fire();
    assert.deepEqual([state.dials, asked], [4, 1]);
    loop.stop();
  });

  it('meets a stranger once at a time, never itself, and no more than its bound', async () => {
    const { loop, state } = world();
    await loop.meet(SELF, [ADDRESS]);
    assert.equal(state.dials, 0);
    const many = Array.from({ length: 100 }, (_, index) => loop.meet(`${index % 50}`, [ADDRESS]));
    assert.equal(state.dials, 16);
    await Promise.all(many);
    state.peers = ['known'];
    await loop.meet('known', [ADDRESS]);
    assert.equal(state.dials, 16);
    loop.stop();
  });

  it('does nothing after stop', async () => {
    const { loop, state, disconnect, isWaiting } = world();
    loop.start();
    await settle();
    loop.stop();
    assert.ok(!isWaiting());
    await disconnect();
    assert.ok(!isWaiting());
    assert.equal(state.dials, 1);
    await assert.rejects(loop.joined(AbortSignal.timeout(1000)), { code: 'STOPPED' });
  });

  it('explores while the table is small and resolves joined with its first entry', async () => {
    const { loop, state, table } = world();
    loop.start();
    const joined = loop.joined(AbortSignal.timeout(5000));
    for (let size = 1; size <= 10; size++) {
      table.size = size;
      table.dispatchEvent(new Event('peer:add'));
      await settle();
    }
    await joined;
    assert.equal(state.explored, 4);
    loop.stop();
  });
});
