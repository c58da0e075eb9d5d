import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Digest } from '../../../src/base/ids.ts';
import type { OpenPlan } from '../../../src/job/open-plan.ts';
import { KnownResults, type ShardRoots } from '../../../src/roles/known-results.ts';
import { MemoryBlobStore } from '../../../src/store/memory-blob-store.ts';
import { makeJob } from '../../support/job-factory.ts';

const filled = (value: number, bytes = 32) => new Uint8Array(bytes).fill(value);
/** So slow a worker that every shard is worth remembering. */
const SLOW = 1e-3;

function planOf(change: Partial<OpenPlan['spec']> = {}): OpenPlan {
  const { plan } = makeJob({ nodes: 8, shards: 4 });
  return { ...plan, spec: { ...plan.spec, ...change } };
}

async function held(blobs: MemoryBlobStore, value: number): Promise<Digest> {
  return (await blobs.put(filled(value))).root;
}

const resultOf = (shard: number, root: Digest): ShardRoots => ({ shard, outputs: [{ root }] });

test('known: what was remembered for this computation, this cut, this requester', async () => {
  const blobs = new MemoryBlobStore();
  const known = new KnownResults({ blobs });
  const result = resultOf(1, await held(blobs, 1));
  known.of(planOf(), SLOW).remember([result]);
  const found = await known.of(planOf({ nonce: filled(9, 16) }), SLOW).recall([0, 1]);
  assert.deepEqual([...found], [[1, result]]);
  const { spec } = planOf();
  const others: Partial<OpenPlan['spec']>[] = [
    { shards: 5 },
    { parameters: { ...spec.parameters, items: 99 } },
    { kernelDigest: filled(5) },
    { requester: Uint8Array.from(spec.requester, (byte, i) => (i === 37 ? byte ^ 1 : byte)) },
    { fresh: true },
  ];
  for (const other of others) {
    const none = await known.of(planOf(other), SLOW).recall([1]);
    assert.equal(none.size, 0, JSON.stringify(Object.keys(other)));
  }
});

test('unknown: what the store has let go, and what costs less than looking', async () => {
  const blobs = new MemoryBlobStore();
  const known = new KnownResults({ blobs });
  const gone = resultOf(0, filled(7));
  const kept = resultOf(1, await held(blobs, 1));
  known.of(planOf(), SLOW).remember([gone, kept]);
  assert.deepEqual([...(await known.of(planOf(), SLOW).recall([0, 1])).keys()], [1]);
  assert.equal((await known.of(planOf(), 1e12).recall([1])).size, 0);
});

test('the least recently used go first', async () => {
  const blobs = new MemoryBlobStore();
  const known = new KnownResults({ blobs }, { shardsMax: 3, worthMs: 0 });
  const results = known.of(planOf(), SLOW);
  const root = await held(blobs, 1);
  results.remember([0, 1, 2].map((shard) => resultOf(shard, root)));
  await results.recall([0]);
  results.remember([resultOf(3, root)]);
  assert.deepEqual([...(await results.recall([0, 1, 2, 3])).keys()], [0, 2, 3]);
});
