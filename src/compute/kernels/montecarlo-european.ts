/** `montecarlo.european@1` on every backend. */
import type { Parameters } from '../../kernel/contract.ts';
import { numberOf } from '../../kernel/define.ts';
import type { KernelCall } from '../kernel-call.ts';
import { montecarloSteps, pathOption } from '../reference/montecarlo-european.ts';
import { bytesOf, floatsOf, type KernelCode, rowsOf, sampleRequest } from './kernel-code.ts';

const ID = 'montecarlo.european@1';

export const montecarloEuropeanCode: KernelCode = {
  id: ID,
  nativeKernel: 3,
  native: (call) => {
    const { option, firstBlock, blocks, paths, seed } = workOf(call);
    const { spot, strike, volatility, drift } = option;
    return {
      extents: [blocks, firstBlock, paths, seed],
      inputs: [bytesOf(Float32Array.of(spot, strike, volatility, drift))],
    };
  },
  reference: (call, [sums]) => montecarloSteps(workOf(call), floatsOf(sums!)),
  selftest: () => [
    // One chunk and a part of a row; both words of the key.
    caseOf('call', { blocks: 3, paths: 4096 + 1024 + 300, seed: 2 ** 40 + 7 }, 2),
    // Sums of one path, nearly all of which pay: every bit of every function shows.
    caseOf('single', { strike: 1, volatility: 0.7, blocks: 600, paths: 1 }, 3),
    caseOf('put', { put: true, strike: 120, volatility: 0.9, years: 3, blocks: 2, paths: 77 }, 2),
  ],
  speed: {
    growth: 4,
    steps: 5,
    request: (step) =>
      sampleRequest({
        kernel: ID,
        parameters: { blocks: 8, paths: 512 * 4 ** step },
        shardCount: 8,
      }),
  },
};

function workOf(call: KernelCall) {
  const { parameters } = call.resolved;
  const { first, count } = rowsOf(call);
  const number = (name: string) => numberOf(parameters, name);
  return {
    option: pathOption({
      spot: number('spot'),
      strike: number('strike'),
      rate: number('rate'),
      volatility: number('volatility'),
      years: number('years'),
      put: parameters.put === true,
    }),
    firstBlock: first,
    blocks: count,
    paths: number('paths'),
    seed: number('seed'),
  };
}

function caseOf(name: string, parameters: Parameters, shardCount: number) {
  return {
    name: `${ID} ${name}`,
    request: sampleRequest({ kernel: ID, parameters, shardCount }),
  };
}
