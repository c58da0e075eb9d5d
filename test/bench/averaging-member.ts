/** One member of the benchmark `averaging`: a libp2p host that does what it is told by IPC. */
import { loadAddon } from '../../src/compute/addon.ts';
import { nativeCodecs } from '../../src/compute/native-codecs.ts';
import { generateSeed } from '../../src/crypto/node/keys.ts';
import { silentLogger, systemClock, systemRandom } from '../../src/crypto/node/system-ports.ts';
import { createHost } from '../../src/net/host.ts';
import { Averager, type AverageWishes } from '../../src/roles/averaging/averager.ts';
import { bellValues } from '../support/updates.ts';

export type MemberOrder =
  | { readonly do: 'meet'; readonly addresses: Readonly<Record<string, readonly string[]>> }
  | { readonly do: 'pull'; readonly from: string; readonly bytes: number }
  | { readonly do: 'average'; readonly elements: number; readonly wishes: MemberWishes }
  | { readonly do: 'end' };
export type MemberWishes = Omit<AverageWishes, 'values'>;

const LISTEN = ['/ip4/127.0.0.1/tcp/0'];
const PIECE = new Uint8Array(256 * 1024);
const ports = { clock: systemClock, random: systemRandom, logger: silentLogger };
const init = { seed: generateSeed(), networkId: 'bench', listen: LISTEN, bootstrap: [] };
const host = await createHost(ports, { ...init, server: true });
const { network } = host;
const addon = await loadAddon().catch(() => undefined);
const codecs = addon && { codecs: nativeCodecs(addon) };
const averager = new Averager({ ...ports, network, ...codecs });
await averager.start();
network.handle('blob', {
  stream: async function* (_, body) {
    const bytes = new DataView(body.buffer, body.byteOffset).getUint32(0, true);
    for (let sent = 0; sent < bytes; sent += PIECE.length) yield PIECE;
  },
});
await host.start();
let values: Float32Array = new Float32Array(0);

async function pull(from: string, bytes: number): Promise<void> {
  const body = new Uint8Array(4);
  new DataView(body.buffer).setUint32(0, bytes, true);
  for await (const _ of network.openStream(from, 'blob', body));
}

async function obey(order: MemberOrder): Promise<object | undefined> {
  switch (order.do) {
    case 'meet':
      for (const [peer, list] of Object.entries(order.addresses)) {
        if (peer !== network.self) await network.addAddresses(peer, list);
      }
      return undefined;
    case 'pull':
      await pull(order.from, order.bytes);
      return undefined;
    case 'average': {
      if (values.length !== order.elements) values = bellValues(order.elements, process.pid);
      const averaged = await averager.average({ ...order.wishes, values });
      return { first: averaged.values[0], bytes: averaged.bytes };
    }
    case 'end':
      await host.stop();
      process.disconnect();
      return undefined;
  }
}

// Nobody is left who could give orders.
process.on('disconnect', () => process.exit());
async function answer(order: MemberOrder): Promise<void> {
  const startMs = performance.now();
  try {
    const said = await obey(order);
    if (process.connected) process.send!({ said, ms: performance.now() - startMs });
  } catch (cause) {
    process.send?.({ failure: `${cause} ${(cause as Error).cause ?? ''}` });
  }
}

process.on('message', (order: MemberOrder) => void answer(order));
process.send!({ said: { peer: network.self, addresses: network.addresses() }, ms: 0 });
