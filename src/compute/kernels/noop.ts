/** `noop@1` on every backend: outputs start as zeros, so there is nothing to do. */
import { type KernelCode, rowsOf, sampleRequest } from './kernel-code.ts';

const ID = 'noop@1';

export const noopCode: KernelCode = {
  id: ID,
  nativeKernel: 0,
  native: (call) => ({ extents: [rowsOf(call).count], inputs: [] }),
  reference: () => [].values(),
  selftest: () => [
    {
      name: 'noop@1 1000',
      request: sampleRequest({ kernel: ID, parameters: { items: 1000 }, shardCount: 7 }),
    },
  ],
  speed: {
    growth: 4,
    steps: 5,
    request: (step) => {
      const shardCount = 16 * 4 ** step;
      return sampleRequest({ kernel: ID, parameters: { items: shardCount * 256 }, shardCount });
    },
  },
};
