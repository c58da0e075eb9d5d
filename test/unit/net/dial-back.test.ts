/** Real hosts that ask each other whether they can be reached. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeAnswer, encodeQuestion } from '../../../src/net/dial-back.ts';
import type { Host } from '../../../src/net/host.ts';
import { unwrap } from '../../support/job-factory.ts';
import { startLab } from '../../support/lab.ts';

async function asked(answering: Host, from: Host, addresses: readonly string[]) {
  const body = await answering.dialBack.answer(from.network.self, encodeQuestion(addresses));
  return unwrap(decodeAnswer(body)).results;
}

describe('dialling back', { timeout: 60_000 }, () => {
  it('tells an address that is served from one that is not, on fresh connections', async (t) => {
    const lab = await startLab(2);
    t.after(() => lab.stop());
    const [first, second] = lab.hosts as [Host, Host];
    const [address] = second.network.addresses();
    const dead = `/ip4/127.0.0.1/tcp/1/p2p/${second.network.self}`;
    assert.deepEqual(await asked(first, second, [address!, dead]), [
      { address, reached: true },
      { address: dead, reached: false },
    ]);
    const between = first.libp2p.getConnections(second.libp2p.peerId).length;
    assert.ok(between <= 1, `${between} connections are left`);
    first.network.handle('advert', {
      request: (from, body) => first.dialBack.answer(from, body),
    });
    const [finding] = await second.askReach();
    assert.ok(finding?.failure === null && Math.abs(finding.skewMs) < 5_000);
    assert.deepEqual(finding.results, [{ address, reached: true }]);
  });

  it('is not to be sent against anybody else, and not often', async (t) => {
    const lab = await startLab(3);
    t.after(() => lab.stop());
    const [answering, asking, victim] = lab.hosts as [Host, Host, Host];
    const elsewhere = [
      victim.network.addresses()[0]!,
      `/ip4/192.0.2.1/tcp/80/p2p/${asking.network.self}`,
      `/dns4/example.org/tcp/80/p2p/${asking.network.self}`,
      `${asking.network.addresses()[0]}/p2p-circuit/p2p/${asking.network.self}`,
    ];
    assert.deepEqual(await asked(answering, asking, elsewhere), []);
    const from = asking.network.self;
    await assert.rejects(answering.dialBack.answer(from, Uint8Array.of(1)), {
      code: 'PEER_REFUSED',
    });
    const flood = async () => {
      for (let i = 0; i < 20; i++) await asked(answering, asking, []);
    };
    await assert.rejects(flood, { code: 'OVERLOADED' });
  });

  it('counts a peer that answers something else as one that did not', async (t) => {
    const lab = await startLab(2);
    t.after(() => lab.stop());
    const [first, second] = lab.hosts as [Host, Host];
    first.network.handle('advert', { request: async () => Uint8Array.of(0xa0) });
    const [finding] = await second.askReach();
    assert.equal(finding?.failure, 'wrong-shape');
  });
});
