/** Real hosts of a network that admits by invitation, and others who would like to be in it. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { multiaddr } from '@multiformats/multiaddr';
import { signerFromSeed } from '../../../src/crypto/node/keys.ts';
import { agentVersionOf, shownIn, WAITING_MAX } from '../../../src/net/admission-gate.ts';
import { createHost, type Host, type HostInit } from '../../../src/net/host.ts';
import { kadProtocolId, protocolId } from '../../../src/net/protocols.ts';
import { signInvitation } from '../../../src/swarm/admission.ts';
import type { Admission } from '../../../src/swarm/advert.ts';
import type { AdmissionRule } from '../../../src/swarm/network-file.ts';
import { realClock, realRandom, silentLogger } from '../../support/real-ports.ts';

const components = { clock: realClock, random: realRandom, logger: silentLogger };
const authority = signerFromSeed(realRandom.bytes(32));
const rule: AdmissionRule = { kind: 'invite', authority: authority.peerId };

async function start(t: TestContext, init: Partial<HostInit>): Promise<Host> {
  const host = await createHost(components, {
    seed: realRandom.bytes(32),
    networkId: 'closed',
    listen: ['/ip4/127.0.0.1/tcp/0'],
    bootstrap: [],
    server: true,
    ...init,
  });
  t.after(() => host.stop());
  await host.start();
  host.network.handle('advert', { request: async (_from, body) => body });
  return host;
}

function member(t: TestContext, bootstrap: readonly string[] = []): Promise<Host> {
  const seed = realRandom.bytes(32);
  const proof = signInvitation(authority, 'closed', signerFromSeed(seed).nodeId);
  const own: Admission = { kind: 'invite', proof };
  return start(t, { seed, bootstrap, membership: { rule, own } });
}

/** Resolves when the host has heard, by identify or by being cut off, what a peer is. */
function turnedAway(host: Host, peer: Host): Promise<void> {
  return new Promise((resolve) => {
    host.network.onDisconnect((gone) => gone === peer.network.self && resolve());
  });
}

describe('the admission gate', { timeout: 60_000 }, () => {
  it('lets members talk to each other and to the DHT', async (t) => {
    const first = await member(t);
    const second = await member(t, first.network.addresses().slice(0, 1));
    await second.joined(AbortSignal.timeout(10_000));
    const answer = await second.network.request(first.network.self, 'advert', Uint8Array.of(1));
    assert.deepEqual(answer, Uint8Array.of(1));
    assert.deepEqual(first.denied(), []);
  });

  it('serves nothing to whoever shows no proof, or another node’s', async (t) => {
    const victim = await member(t);
    const proof = signInvitation(authority, 'closed', authority.nodeId);
    const stolen: Admission = { kind: 'invite', proof };
    for (const membership of [undefined, { rule: { kind: 'none' }, own: stolen } as const]) {
      const outsider = await start(t, { ...(membership && { membership }) });
      let served = 0;
      victim.network.handle('job', { message: () => (served += 1) })();
      const gone = turnedAway(victim, outsider);
      const [address] = victim.network.addresses();
      const streams = [protocolId('closed', 'advert'), kadProtocolId('closed')].map((protocol) =>
        outsider.libp2p
          .dialProtocol(multiaddr(address!), protocol, { signal: AbortSignal.timeout(5_000) })
          .catch(() => undefined),
      );
      await Promise.all([gone, ...streams]);
      await assert.rejects(
        outsider.network.request(victim.network.self, 'advert', Uint8Array.of(1)),
      );
      assert.equal(served, 0);
      const denied = victim.denied().find(({ peer }) => peer === outsider.network.self);
      assert.equal(denied?.reason, membership === undefined ? 'not-admitted' : 'bad-admission');
    }
  });

  it('asks nothing of an outsider that it dials itself', async (t) => {
    const outsider = await start(t, {});
    const node = await member(t);
    await node.network.addAddresses(outsider.network.self, outsider.network.addresses());
    const asked = node.network.request(outsider.network.self, 'advert', Uint8Array.of(1));
    await assert.rejects(asked, /not-admitted/);
  });

  it('shows proofs in a form that nothing else has', () => {
    const own: Admission = { kind: 'invite', proof: new Uint8Array(64).fill(7) };
    assert.deepEqual(shownIn(agentVersionOf({ rule, own })), own);
    assert.equal(agentVersionOf({ rule }), 'kadre');
    for (const text of [undefined, 'kadre', 'kadre invite=', 'kadre invite=0g', 'x'.repeat(9999)]) {
      assert.equal(shownIn(text), undefined);
    }
    assert.ok(WAITING_MAX > 5, 'every protocol may begin at once');
  });
});
