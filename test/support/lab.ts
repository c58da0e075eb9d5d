/** Real libp2p hosts on loopback, for tests that need true sockets. */
import { createHost, type Host, type HostInit } from '../../src/net/host.ts';
import { realClock, realRandom, silentLogger } from './real-ports.ts';

export interface Lab {
  readonly hosts: Host[];
  add(init?: Partial<HostInit>): Promise<Host>;
  stop(): Promise<void>;
}

/** Hosts of one network; each new one is given the first as its bootstrap. */
export async function startLab(count: number): Promise<Lab> {
  const hosts: Host[] = [];
  const networkId = `test-${realRandom.integer(2 ** 40)}`;
  const lab: Lab = {
    hosts,
    add: async (init = {}) => {
      const bootstrap = hosts[0]?.network.addresses().slice(0, 1) ?? [];
      const host = await createHost(
        { clock: realClock, random: realRandom, logger: silentLogger },
        {
          seed: realRandom.bytes(32),
          networkId,
          listen: ['/ip4/127.0.0.1/tcp/0'],
          bootstrap,
          server: true,
          ...init,
        },
      );
      hosts.push(host);
      await host.start();
      if ((init.bootstrap ?? bootstrap).length > 0 && init.bootstrap === undefined) {
        await host.joined(AbortSignal.timeout(10_000));
      }
      return host;
    },
    stop: async () => {
      await Promise.all(hosts.map((host) => host.stop()));
    },
  };
  for (let i = 0; i < count; i++) await lab.add();
  return lab;
}
