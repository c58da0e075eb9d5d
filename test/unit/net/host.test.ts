import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { describe, it } from 'node:test';
import { multiaddr } from '@multiformats/multiaddr';
import { encodeFrame, FRAME_KINDS } from '../../../src/net/envelope.ts';
import { createHost } from '../../../src/net/host.ts';
import { PROTOCOL_LIMITS, protocolId } from '../../../src/net/protocols.ts';
import { startLab } from '../../support/lab.ts';
import { realClock, realRandom, silentLogger } from '../../support/real-ports.ts';

const components = { clock: realClock, random: realRandom, logger: silentLogger };
const hostInit = () => ({
  seed: realRandom.bytes(32),
  networkId: `test-${realRandom.integer(2 ** 40)}`,
  listen: ['/ip4/127.0.0.1/tcp/0'],
  bootstrap: [] as string[],
  server: true,
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('host', { timeout: 30_000 }, () => {
  it('says PORT_TAKEN when the address is in use', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as { port: number };
    const host = await createHost(components, {
      ...hostInit(),
      listen: [`/ip4/127.0.0.1/tcp/${port}`],
    });
    await assert.rejects(host.start(), { code: 'PORT_TAKEN' });
    await host.stop();
    taken.close();
  });

  it('says BAD_CONFIG for a bootstrap address that names no peer', async () => {
    for (const address of ['/ip4/127.0.0.1/tcp/1', 'nonsense', '']) {
      const init = { ...hostInit(), bootstrap: [address] };
      await assert.rejects(createHost(components, init), { code: 'BAD_CONFIG' });
    }
  });

  it('starts without its bootstrap, joins when that appears, and rejoins', async () => {
    const init = hostInit();
    const port = await freePort();
    const listen = [`/ip4/127.0.0.1/tcp/${port}`];
    const bootstrapInit = { ...init, listen };
    const first = await createHost(components, bootstrapInit);
    const address = `/ip4/127.0.0.1/tcp/${port}/p2p/${first.network.self}`;
    const node = await createHost(components, {
      ...init,
      seed: realRandom.bytes(32),
      bootstrap: [address],
    });
    await node.start();
    assert.deepEqual(node.network.connectedPeers(), []);
    await first.start();
    await node.joined(AbortSignal.timeout(10_000));
    assert.deepEqual(node.network.connectedPeers(), [first.network.self]);
    const lost = new Promise((resolve) => node.network.onDisconnect(resolve));
    await first.stop();
    await lost;
    const again = await createHost(components, bootstrapInit);
    const seen = Promise.withResolvers<void>();
    again.libp2p.addEventListener('peer:connect', () => seen.resolve());
    await again.start();
    await seen.promise;
    assert.deepEqual(again.network.connectedPeers(), [node.network.self]);
    await Promise.all([node.stop(), again.stop()]);
  });

  it('keeps networks apart', async () => {
    const one = await createHost(components, hostInit());
    await one.start();
    const other = await createHost(components, {
      ...hostInit(),
      bootstrap: one.network.addresses(),
    });
    const parted = new Promise((resolve) => other.network.onDisconnect(resolve));
    await other.start();
    assert.equal(await parted, one.network.self);
    await Promise.all([one.stop(), other.stop()]);
  });
});

describe('a hostile peer', { timeout: 30_000 }, () => {
  it('is reset and finally cut off for malformed frames, while others are served', async (t) => {
    const lab = await startLab(3);
    t.after(() => lab.stop());
    const [victim, hostile, honest] = lab.hosts;
    victim!.network.handle('job', { request: async (_from, body) => body });
    const networkId = victim!.libp2p
      .getProtocols()
      .find((id) => id.endsWith('/job/1'))!
      .split('/')[2]!;
    const attacks = [
      new Uint8Array(64).fill(0xff),
      Uint8Array.of(1, 0),
      Uint8Array.of(5, 77, 0, 0, 0, 0),
      encodeFrame(FRAME_KINDS.response, 1),
      encodeFrame(FRAME_KINDS.data, 1, new Uint8Array(10)),
      Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0x10),
    ];
    const cut = new Promise<string>((resolve) => hostile!.network.onDisconnect(resolve));
    let sent = 0;
    try {
      for (; sent < 40; sent++) {
        const stream = await hostile!.libp2p.dialProtocol(
          multiaddr(victim!.network.addresses()[0]!),
          protocolId(networkId, 'job'),
          { signal: AbortSignal.timeout(5_000) },
        );
        const closed = new Promise((resolve) => stream.addEventListener('close', resolve));
        stream.send(attacks[sent % attacks.length]!);
        await closed;
        const body = Uint8Array.of(sent);
        const answer = await honest!.network.request(victim!.network.self, 'job', body);
        assert.deepEqual(answer, body);
      }
    } catch {
      // At some point the victim does not let it in any more.
    }
    assert.equal(await cut, victim!.network.self);
    assert.ok(sent >= 8 && sent <= 11, `cut off after ${sent} attacks`);
    const body = Uint8Array.of(1);
    assert.deepEqual(await honest!.network.request(victim!.network.self, 'job', body), body);
  });

  it('cannot make a node read a frame over the limit', async (t) => {
    const lab = await startLab(2);
    t.after(() => lab.stop());
    const [victim, hostile] = lab.hosts;
    const networkId = victim!.libp2p
      .getProtocols()
      .find((id) => id.endsWith('/job/1'))!
      .split('/')[2]!;
    let asked = 0;
    victim!.network.handle('advert', {
      request: async (_from, body) => {
        asked += 1;
        return body;
      },
    });
    const stream = await hostile!.libp2p.dialProtocol(
      multiaddr(victim!.network.addresses()[0]!),
      protocolId(networkId, 'advert'),
    );
    const closed = new Promise((resolve) => stream.addEventListener('close', resolve));
    const tooLarge = new Uint8Array(PROTOCOL_LIMITS.advert.bodyBytesMax + 1);
    stream.send(encodeFrame(FRAME_KINDS.request, 1, tooLarge).subarray(0, 100_000));
    await closed;
    assert.equal(asked, 0);
  });
});
