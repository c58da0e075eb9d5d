/** `kadre kernels list` and `kernels inspect`: the kernels of this build; no node is asked. */
import type { KernelDescription } from '../../src/kernel/describe.ts';
import { describeKernel } from '../../src/kernel/describe.ts';
import { KERNELS } from '../../src/kernel/registry.ts';
import { requireKernel } from '../../src/sdk/check-work.ts';
import type { Command } from '../cli/command.ts';
import { formatTable } from '../cli/output.ts';

export const kernelsList: Command = async ({ output }) => {
  const kernels = KERNELS.map(describeKernel);
  const report = { v: 1, kernels } as const;
  output.result(report, () => formatTable(kernels.map(({ id, summary }) => [id, summary])));
  return 0;
};

export const kernelsInspect: Command = async ({ arguments: given, output }) => {
  const description = describeKernel(requireKernel(given.positionals[0] ?? ''));
  const report = { v: 1, kernel: description } as const;
  output.result(report, () => inspectLines(description));
  return 0;
};

function inspectLines(kernel: KernelDescription): string[] {
  const arrays = (name: string, list: KernelDescription['inputs']) =>
    list.map(({ name: array, dtype, rank, optional, why }) => [
      `  ${name}`,
      array,
      `${dtype} rank ${rank}${optional ? ' optional' : ''}`,
      why,
    ]);
  const parameters = kernel.parameters.map((parameter) => {
    const bounds = `${parameter.min ?? ''}..${parameter.max ?? ''}`;
    const fallback = parameter.default === undefined ? 'required' : `default ${parameter.default}`;
    const range = parameter.values?.join('|') ?? (bounds === '..' ? '' : bounds);
    const kind = `${parameter.type} ${range} ${fallback}`;
    return ['  param', parameter.name, kind, parameter.why];
  });
  return [
    `${kernel.id}: ${kernel.summary}`,
    `  digest ${kernel.digest}`,
    `  numeric contract ${kernel.numericContract}, planner ${kernel.planner}`,
    ...formatTable([
      ...parameters,
      ...arrays('in', kernel.inputs),
      ...arrays('out', kernel.outputs),
    ]),
  ];
}
