import { SimHub } from '../../src/sim/sim-hub.ts';
import { startLab } from '../support/lab.ts';
import { networkConformance } from './network.ts';

networkConformance('in memory', async () => {
  const hub = new SimHub();
  const a = hub.join();
  const b = hub.join();
  return {
    a,
    b,
    stopB: async () => b.stop(),
    stop: async () => {
      a.stop();
      b.stop();
    },
  };
});

networkConformance('libp2p between two nodes', async () => {
  const lab = await startLab(2);
  const [a, b] = lab.hosts;
  return { a: a!.network, b: b!.network, stopB: () => b!.stop(), stop: () => lab.stop() };
});

networkConformance('libp2p from a node to a client that does not listen', async () => {
  const lab = await startLab(1);
  const client = await lab.add({ listen: [], server: false });
  const a = lab.hosts[0]!.network;
  return { a, b: client.network, stopB: () => client.stop(), stop: () => lab.stop() };
});
