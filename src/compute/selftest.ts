/**
 * Does an executor give the bits that a kernel's name promises? Golden digests of small fixed
 * cases, the same on every machine and backend; a node advertises only kernels that pass
 * (docs/protocol/kernel.md, "Golden digests").
 */
import { toHex } from '../base/bytes.ts';
import { KadreError } from '../base/errors.ts';
import type { SignalOption } from '../base/ports.ts';
import { blobRoot } from '../blob/tree.ts';
import { placeRegion } from '../kernel/assemble.ts';
import { arrayBytes } from '../kernel/contract.ts';
import type { Executor } from './executor.ts';
import { GOLDEN_DIGESTS } from './golden-digests.ts';
import { prepareRequest } from './kernel-call.ts';
import type { SelftestCase } from './kernels/kernel-code.ts';
import { KERNEL_CODES } from './kernels/table.ts';

export interface SelftestRow {
  readonly kernel: string;
  readonly case: string;
  readonly backend: string;
  readonly ok: boolean;
  /** Blob roots of the whole outputs, hex, joined by commas. */
  readonly expected: string;
  /** The same, or the error's code and message. */
  readonly actual: string;
}

/** Every kernel has at least one. */
export function selftestCases(): SelftestCase[] {
  return [...KERNEL_CODES.values()].flatMap((code) => code.selftest());
}

/** One row per case whose kernel the executor has. Never throws for a kernel that fails. */
export async function runSelftest(
  executor: Executor,
  options: SignalOption = {},
): Promise<SelftestRow[]> {
  const rows: SelftestRow[] = [];
  for (const testCase of selftestCases()) {
    const { kernel } = testCase.request;
    const backend = executor.backend.name;
    if (!executor.backend.kernels.includes(kernel)) continue;
    const expected = GOLDEN_DIGESTS[testCase.name] ?? '';
    const actual = await digestOf(executor, testCase, options).catch((cause: unknown) => {
      options.signal?.throwIfAborted();
      return cause instanceof KadreError ? `${cause.code}: ${cause.message}` : String(cause);
    });
    const ok = actual === expected;
    rows.push({ kernel, case: testCase.name, backend, ok, expected, actual });
  }
  return rows;
}

/** The digest of a case's whole outputs, put together from its shards. */
export async function digestOf(
  executor: Executor,
  { request }: SelftestCase,
  options: SignalOption = {},
): Promise<string> {
  const { resolved } = prepareRequest(request);
  const wholes = resolved.outputs.map((output) => new Uint8Array(arrayBytes(output)));
  for (const { shard, outputs } of await executor.run(request, options)) {
    const regions = resolved.regions(request.shardCount, shard);
    for (const [i, { content }] of outputs.entries()) {
      placeRegion(wholes[i]!, resolved.outputs[i]!, regions[i]!, content);
    }
  }
  return wholes.map((whole) => toHex(blobRoot(whole))).join(',');
}
