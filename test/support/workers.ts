/** Candidates for placement tests: node ids made from hashes, so that no key is needed. */
import fc from 'fast-check';
import { compareBytes, u32 } from '../../src/base/bytes.ts';
import { type NodeId, nodeIdOfKey } from '../../src/base/ids.ts';
import { sha256 } from '../../src/crypto/portable/hash.ts';
import type { Candidate } from '../../src/swarm/placement.ts';

export function nodeNumber(number: number): NodeId {
  return nodeIdOfKey(sha256(u32(number)));
}

export function seedNumber(number: number): Uint8Array {
  return sha256(u32(number));
}

/** One candidate per weight, sorted as `place` wants them. */
export function workersOf(weights: readonly number[], firstNumber = 0): Candidate[] {
  return sorted(weights.map((weight, i) => ({ node: nodeNumber(firstNumber + i), weight })));
}

export function sorted(candidates: readonly Candidate[]): Candidate[] {
  return [...candidates].sort((a, b) => compareBytes(a.node, b.node));
}

/** Small jobs on few workers of mixed weights, saturated and tight ones included. */
export const smallPlan = fc
  .record({
    seed: fc.nat(1_000_000).map(seedNumber),
    weights: fc.array(
      fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 2 ** 20 })),
      {
        minLength: 1,
        maxLength: 12,
      },
    ),
    firstNumber: fc.nat(10_000),
    shardCount: fc.integer({ min: 1, max: 40 }),
    replicas: fc.integer({ min: 1, max: 5 }),
  })
  .filter(({ weights, replicas }) => weights.length >= replicas)
  .map(({ weights, firstNumber, ...rest }) => ({
    ...rest,
    candidates: workersOf(weights, firstNumber),
  }));
