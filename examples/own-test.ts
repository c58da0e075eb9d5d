/**
 * A test of a program that uses Kadre: a whole swarm in this process, with a liar in it, on a clock
 * that runs only while somebody waits. No socket, no file, no waiting.
 *
 *   npm run example -- own-test
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Swarm } from 'kadre';
import { testSwarm } from 'kadre/sim';

/** The program under test: the scalar product of two vectors, and whom it caught lying. */
async function scalarProduct(swarm: Swarm, left: Float32Array, right: Float32Array) {
  const a = { data: left, shape: [1, left.length] };
  const b = { data: right, shape: [right.length, 1] };
  const job = await swarm.submit('gemm.f32@1', { inputs: { a, b } });
  const { outputs, summary } = await job.result();
  return { value: outputs.c?.data[0], liars: summary.disputes.map(({ peer }) => peer) };
}

test('a liar changes nothing but its own name', async () => {
  await using swarm = await testSwarm({ nodes: 10, byzantine: ['wrong-result'], seed: 1 });
  const right = Float32Array.of(4, 5, 6);
  const named = new Set<string>();
  for (let run = 0; run < 6; run++) {
    // Other numbers each time: a computation that was certified before is not run again.
    const { value, liars } = await scalarProduct(swarm, Float32Array.of(run, 2, 3), right);
    assert.equal(value, 28 + 4 * run);
    for (const peer of liars) named.add(peer);
  }
  assert.equal(named.size, 1);
});
