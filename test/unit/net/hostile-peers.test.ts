/**
 * Strangers with a real libp2p node of their own and bad manners, against a node that goes on
 * serving honest peers and stays within its bounds.
 */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Stream } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { encode } from 'it-length-prefixed';
import type { ProtocolName } from '../../../src/base/ports.ts';
import { encodeFrame, FRAME_KINDS } from '../../../src/net/envelope.ts';
import type { Host } from '../../../src/net/host.ts';
import { CLASS_BUCKETS, classKey } from '../../../src/net/kad-directory.ts';
import { protocolId, RUNNING_MAX, STREAMS_MAX } from '../../../src/net/protocols.ts';
import { startLab } from '../../support/lab.ts';

const MIB = 2 ** 20;

interface Scene {
  readonly victim: Host;
  readonly hostile: Host;
  readonly honest: Host;
  readonly networkId: string;
  /** A stream of the hostile peer's, beside every rule of its own network code. */
  open(protocol: ProtocolName): Promise<Stream>;
  /** An honest peer's request is answered with its own body. */
  serves(): Promise<void>;
}

async function scene(t: TestContext): Promise<Scene> {
  const lab = await startLab(3);
  t.after(() => lab.stop());
  const [victim, hostile, honest] = lab.hosts as [Host, Host, Host];
  const jobProtocol = victim.libp2p.getProtocols().find((id) => id.endsWith('/job/1'))!;
  const networkId = jobProtocol.split('/')[2]!;
  victim.network.handle('advert', { request: async (_from, body) => body });
  return {
    victim,
    hostile,
    honest,
    networkId,
    open: (protocol) =>
      hostile.libp2p.dialProtocol(
        multiaddr(victim.network.addresses()[0]!),
        protocolId(networkId, protocol),
        { signal: AbortSignal.timeout(5_000), maxOutboundStreams: 10_000 },
      ),
    serves: async () => {
      const body = Uint8Array.of(7);
      const answer = await honest.network.request(victim.network.self, 'advert', body);
      assert.deepEqual(answer, body);
    },
  };
}

describe('a node among hostile peers', { timeout: 60_000 }, () => {
  it('gives half-open streams a bounded number of places', async (t) => {
    const { victim, hostile, open, serves } = await scene(t);
    const results = await Promise.allSettled(
      Array.from({ length: 3 * STREAMS_MAX }, () => open('advert')),
    );
    const inbound = victim.libp2p
      .getConnections(hostile.libp2p.peerId)
      .flatMap(({ streams }) => streams)
      .filter(({ protocol }) => protocol.endsWith('/advert/1'));
    assert.ok(results.length > inbound.length);
    assert.ok(inbound.length <= STREAMS_MAX, `${inbound.length} streams`);
    await serves();
  });

  it("runs a bounded number of a flooder's requests at once", async (t) => {
    const { victim, open, serves } = await scene(t);
    let [running, most] = [0, 0];
    const release = Promise.withResolvers<void>();
    const full = Promise.withResolvers<void>();
    victim.network.handle('job', {
      request: async (_from, body) => {
        running += 1;
        most = Math.max(most, running);
        if (running === RUNNING_MAX) full.resolve();
        await release.promise;
        running -= 1;
        return body;
      },
    });
    const stream = await open('job');
    for (let id = 1; id <= 4 * RUNNING_MAX; id++) {
      stream.send(encodeFrame(FRAME_KINDS.request, id, Uint8Array.of(1)));
    }
    await full.promise;
    await serves();
    assert.equal(most, RUNNING_MAX);
    release.resolve();
    stream.abort(new Error('enough'));
  });

  it('holds little for a reader that never reads, and serves the others', async (t) => {
    const { victim, open, serves } = await scene(t);
    let produced = 0;
    victim.network.handle('blob', {
      stream: async function* (_from, _body, { signal }) {
        while (!signal?.aborted && produced < 512 * MIB) {
          produced += 256 * 1024;
          yield new Uint8Array(256 * 1024);
        }
      },
    });
    const stream = await open('blob');
    stream.pause();
    stream.send(encodeFrame(FRAME_KINDS.open, 1));
    for (let i = 0; i < 20; i++) await serves();
    assert.ok(produced > 0, 'it did begin to answer');
    assert.ok(produced <= 16 * MIB, `${produced / MIB} MiB for one slow reader`);
    stream.abort(new Error('enough'));
  });

  it('takes no record for somebody else from a peer that lies to the DHT', async (t) => {
    const { victim, hostile, honest, networkId } = await scene(t);
    const tell = async (key: Uint8Array, peer: Uint8Array): Promise<void> => {
      const stream = await hostile.libp2p.dialProtocol(
        multiaddr(victim.network.addresses()[0]!),
        `/kadre/${networkId}/kad/1`,
      );
      stream.send(addProvider(key, peer));
      await stream.close();
    };
    for (let bucket = 0; bucket < CLASS_BUCKETS; bucket++) {
      const key = classKey(networkId, 'cpu/avx2', bucket).multihash.bytes;
      await tell(key, honest.libp2p.peerId.toMultihash().bytes);
      // The same words about itself are taken: that the lie is not shows in nothing else.
      await tell(key, hostile.libp2p.peerId.toMultihash().bytes);
    }
    const found: string[] = [];
    for await (const hint of victim.directory.find('cpu/avx2', { max: 10 })) found.push(hint.peer);
    assert.deepEqual(found, [hostile.network.self]);
  });
});

/** The DHT's ADD_PROVIDER for a key, naming one peer, as it is sent: protobuf, length before it. */
function addProvider(key: Uint8Array, peer: Uint8Array): Uint8Array {
  const field = (tag: number, bytes: Uint8Array) => [tag, bytes.length, ...bytes];
  const address = multiaddr('/ip4/127.0.0.1/tcp/9').bytes;
  const provider = Uint8Array.from([...field(0x0a, peer), ...field(0x12, address)]);
  const message = [0x08, 2, ...field(0x12, key), ...field(0x4a, provider)];
  return encode.single(Uint8Array.from(message)).subarray();
}
