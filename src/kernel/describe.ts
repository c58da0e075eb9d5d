/** A kernel as JSON, for `kernels list` and the SDK's `kernels()` (schema: docs/schemas). */
import { toHex } from '../base/bytes.ts';
import { type Kernel, type KernelSchema, kernelId } from './contract.ts';
import { kernelDigest } from './registry.ts';

export interface KernelDescription extends KernelSchema {
  readonly id: string;
  readonly name: string;
  readonly major: number;
  readonly summary: string;
  /** Lowercase hex. */
  readonly digest: string;
  readonly numericContract: number;
  readonly planner: number;
}

export function describeKernel(kernel: Kernel): KernelDescription {
  return {
    id: kernelId(kernel),
    name: kernel.name,
    major: kernel.major,
    summary: kernel.summary,
    digest: toHex(kernelDigest(kernel)),
    numericContract: kernel.numericContract,
    planner: kernel.planner,
    parameters: kernel.schema.parameters.map((parameter) => ({ ...parameter })),
    inputs: kernel.schema.inputs.map((input) => ({ ...input })),
    outputs: kernel.schema.outputs.map((output) => ({ ...output })),
  };
}
