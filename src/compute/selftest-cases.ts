/** What `kernels selftest` runs: small, and hard where bits go wrong (rounding, panels, edges). */
import type { ExecutionRequest } from './executor.ts';
import { type SampleKind, sampleFloats } from './sample-input.ts';

export interface SelftestCase {
  readonly name: string;
  /** All shards. */
  readonly request: ExecutionRequest;
}

function gemmCase(
  kind: SampleKind,
  [m, k, n]: readonly [number, number, number],
  shardCount: number,
): SelftestCase {
  const array = (name: string, rows: number, columns: number, seed: number) => ({
    name,
    shape: [rows, columns],
    segments: [{ offset: 0, bytes: sampleFloats(kind, rows * columns, seed) }],
  });
  return {
    name: `gemm.f32@1 ${m}x${k}x${n} ${kind}`,
    request: {
      kernel: 'gemm.f32@1',
      parameters: {},
      inputs: [array('a', m, k, 1), array('b', k, n, 2)],
      shardCount,
      shards: allShards(shardCount),
    },
  };
}

function allShards(shardCount: number): number[] {
  return Array.from({ length: shardCount }, (_, shard) => shard);
}

/** Every kernel has at least one. */
export function selftestCases(): SelftestCase[] {
  return [
    {
      name: 'noop@1 1000',
      request: {
        kernel: 'noop@1',
        parameters: { items: 1000 },
        inputs: [],
        shardCount: 7,
        shards: allShards(7),
      },
    },
    // k spans more than one panel; rows and columns hang over every register block.
    gemmCase('moderate', [37, 300, 45], 5),
    gemmCase('any-bits', [9, 41, 23], 9 * 23),
    gemmCase('tiny', [8, 33, 17], 11),
    gemmCase('moderate', [3, 0, 5], 2),
  ];
}
