import type { Swarm } from '../../src/sdk/types.ts';
import { type VirtualNodeInit, VirtualSwarm } from '../support/virtual-swarm.ts';
import { describeSwarm } from './swarm.ts';

const BUSY: VirtualNodeInit = {
  hooks: { wrapExecutor: ({ backend }) => ({ backend, run: () => new Promise(() => {}) }) },
};

/** An embedded client of a swarm in memory, whose time runs by itself while the test waits. */
async function open(nodes: number | readonly VirtualNodeInit[]): Promise<Swarm> {
  const world = await VirtualSwarm.start(nodes);
  const isOpen = { value: true };
  void passTime(world, isOpen);
  const close = async () => {
    await world.client.close();
    isOpen.value = false;
  };
  return new Proxy(world.client, {
    get: (target, name) => {
      if (name === 'close' || name === Symbol.asyncDispose) return close;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

async function passTime(world: VirtualSwarm, isOpen: { readonly value: boolean }): Promise<void> {
  while (isOpen.value) await world.clock.advance(50);
}

describeSwarm({
  name: 'embedded',
  open: () => open(8),
  openStalling: () => open(Array(8).fill(BUSY)),
});
