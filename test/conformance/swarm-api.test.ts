import { connectApi } from '../../src/sdk/api-swarm.ts';
import type { Swarm } from '../../src/sdk/types.ts';
import { startFakeApi, TOKEN } from '../support/fake-api.ts';
import { type FakeNodeInit, makeFakeNode } from '../support/fake-node.ts';
import { describeSwarm } from './swarm.ts';

/** A client of an API of its own, which ends with it. */
async function open(init: FakeNodeInit): Promise<Swarm> {
  const api = await startFakeApi(makeFakeNode(init));
  const swarm = await connectApi({ url: api.url, token: TOKEN });
  const close = async () => {
    await swarm.close();
    await api.close();
  };
  return {
    peerId: swarm.peerId,
    submit: (kernel, work, options) => swarm.submit(kernel, work, options),
    map: (kernel, works, options) => swarm.map(kernel, works, options),
    job: (id, options) => swarm.job(id, options),
    retry: (id, options) => swarm.retry(id, options),
    jobs: (options) => swarm.jobs(options),
    average: (values, options) => swarm.average(values, options),
    train: (options) => swarm.train(options),
    join: (id, options) => swarm.join(id, options),
    training: (id, options) => swarm.training(id, options),
    kernels: () => swarm.kernels(),
    peers: () => swarm.peers(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

describeSwarm({
  name: 'through the API',
  open: () => open({}),
  openStalling: () => open({ stalls: true }),
});
