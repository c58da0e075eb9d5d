/** Two libp2p hosts of this process over loopback: small requests, and bytes in bulk, encrypted. */
import { KadreError } from '../../src/base/errors.ts';
import type { SignalOption } from '../../src/base/ports.ts';
import { throwIfAborted } from '../../src/base/signals.ts';
import { generateSeed } from '../../src/crypto/node/keys.ts';
import { silentLogger, systemClock, systemRandom } from '../../src/crypto/node/system-ports.ts';
import { createHost } from '../../src/net/host.ts';

export interface LoopbackSpeed {
  /** One after the other, on a stream that stays open. */
  readonly requestsPerSecond: number;
  readonly bytesPerSecond: number;
}

const PIECE_BYTES = 1024 ** 2;
const BULK_BYTES_MAX = 1024 ** 3;
const LOOPBACK = '/ip4/127.0.0.1/tcp/0';

export async function measureLoopback(
  budgetMs: number,
  options: SignalOption,
): Promise<LoopbackSpeed> {
  const [server, client] = await Promise.all([openHost([LOOPBACK]), openHost([])]);
  try {
    const peer = server.network.self;
    const piece = new Uint8Array(PIECE_BYTES);
    server.network.handle('job', { request: async (_, body) => body });
    server.network.handle('blob', {
      stream: async function* () {
        for (let sent = 0; sent < BULK_BYTES_MAX; sent += PIECE_BYTES) yield piece;
      },
    });
    await server.start();
    await client.start();
    await client.network.addAddresses(peer, server.network.addresses());
    const ask = () => client.network.request(peer, 'job', piece.subarray(0, 64), options);
    await ask();
    const requests = await counted(budgetMs / 2, options, async () => {
      await ask();
      return 1;
    });
    const bulk = client.network.openStream(peer, 'blob', new Uint8Array(0), options);
    const pieces = bulk[Symbol.asyncIterator]();
    const bytes = await counted(budgetMs / 2, options, async () => {
      const { done, value } = await pieces.next();
      if (done) throw new KadreError({ code: 'PEER_UNREACHABLE' }, 'the bulk stream ended early');
      return value.length;
    });
    await pieces.return?.();
    return { requestsPerSecond: Math.round(requests), bytesPerSecond: Math.round(bytes) };
  } finally {
    await Promise.all([client.stop(), server.stop()]);
  }
}

function openHost(listen: readonly string[]) {
  return createHost(
    { clock: systemClock, random: systemRandom, logger: silentLogger },
    { seed: generateSeed(), networkId: 'bench', listen, bootstrap: [], server: listen.length > 0 },
  );
}

/** What `step` counts, per second, over about `budgetMs`. */
async function counted(
  budgetMs: number,
  { signal }: SignalOption,
  step: () => Promise<number>,
): Promise<number> {
  const startMs = systemClock.monotonicMs();
  let sum = 0;
  let nowMs = startMs;
  while (nowMs - startMs < budgetMs) {
    throwIfAborted(signal);
    sum += await step();
    nowMs = systemClock.monotonicMs();
  }
  return (sum / Math.max(nowMs - startMs, 0.001)) * 1000;
}
