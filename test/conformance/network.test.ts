import { type LinkFaults, PERFECT_LINKS } from '../../src/sim/link-faults.ts';
import { SimHub } from '../../src/sim/sim-hub.ts';
import { startLab } from '../support/lab.ts';
import { type NetworkPair, networkConformance } from './network.ts';

function simulated(faults: LinkFaults): NetworkPair {
  const hub = new SimHub({}, faults);
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
}

networkConformance('simulated, without delay', async () => simulated(PERFECT_LINKS));

networkConformance('simulated, with delays', async () => {
  return simulated({ ...PERFECT_LINKS, delayMsMin: 1, delayMsMax: 4 });
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
