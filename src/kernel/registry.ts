/**
 * The built-in kernels, found by id, and each kernel's digest: what a job spec and a certificate
 * mean by "this kernel" (docs/protocol/kernel.md, "Digest").
 */
import type { Digest } from '../base/ids.ts';
import { taggedHash } from '../crypto/portable/hash.ts';
import { encodeCanonical } from '../wire/cbor.ts';
import { TAGS } from '../wire/tags.ts';
import { type Kernel, type KernelSchema, kernelId } from './contract.ts';
import { fedAggregate } from './fed-aggregate.ts';
import { gemmF32 } from './gemm-f32.ts';
import { mandelbrot } from './mandelbrot.ts';
import { map } from './map.ts';
import { montecarloEuropean } from './montecarlo-european.ts';
import { noop } from './noop.ts';
import { reduce } from './reduce.ts';
import { sha256Search } from './sha256-search.ts';

/** Ids ascending. */
export const KERNELS: readonly Kernel[] = [
  fedAggregate,
  gemmF32,
  mandelbrot,
  map,
  montecarloEuropean,
  noop,
  reduce,
  sha256Search,
];

/** The kernel of an id like `gemm.f32@1`. */
export function findKernel(id: string): Kernel | undefined {
  return KERNELS.find((kernel) => kernelId(kernel) === id);
}

/** Everything that fixes a kernel's meaning; its prose (`why`, `summary`) does not. */
export function kernelManifest(kernel: Kernel): Record<string, unknown> {
  return {
    name: kernel.name,
    major: kernel.major,
    schema: schemaWithoutProse(kernel.schema),
    numericContract: kernel.numericContract,
    planner: kernel.planner,
  };
}

function schemaWithoutProse(schema: KernelSchema): Record<string, unknown> {
  const withoutWhy = <T extends { readonly why: string }>({ why: _, ...rest }: T) => rest;
  return {
    parameters: schema.parameters.map(withoutWhy),
    inputs: schema.inputs.map(withoutWhy),
    outputs: schema.outputs.map(withoutWhy),
  };
}

/** H(kernel, canonical manifest). */
export function kernelDigest(kernel: Kernel): Digest {
  return taggedHash(TAGS.kernel, encodeCanonical(kernelManifest(kernel)));
}
