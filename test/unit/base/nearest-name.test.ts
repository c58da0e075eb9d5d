import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearestName } from '../../../src/base/nearest-name.ts';

test('the nearest name is found, and none when nothing is near', () => {
  const names = ['gemm.f32@1', 'noop@1', '--shards', '--cert'];
  assert.equal(nearestName('gemm.f32', names), 'gemm.f32@1');
  assert.equal(nearestName('NOOP@1', names), 'noop@1');
  assert.equal(nearestName('--shard', names), '--shards');
  assert.equal(nearestName('--cret', names), '--cert');
  assert.equal(nearestName('convolution@3', names), undefined);
  assert.equal(nearestName('', names), undefined);
  assert.equal(nearestName('x'.repeat(100_000), names), undefined);
});
