import assert from 'node:assert/strict';
import { test } from 'node:test';
import { utf8 } from '../../../src/base/bytes.ts';
import { sha256 } from '../../../src/crypto/portable/hash.ts';
import { InputHolder } from '../../../src/roles/input-holder.ts';
import { SimHub } from '../../../src/sim/sim-hub.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';
import { MemoryBlobStore } from '../../../src/store/memory-blob-store.ts';
import { makeJob } from '../../support/job-factory.ts';

const ARRAY_BYTES = 4_000;
const { spec } = makeJob({ nodes: 6, shards: 1, policy: { cadre: 4 } }).plan;

/** A plan of another requester's job that reads so many bytes. */
function planReading(name: string, bytes: number) {
  const input = { name: 'x', dtype: '<f4' as const, shape: [bytes / 4], root: new Uint8Array(32) };
  return { planId: sha256(utf8(name)), spec: { ...spec, inputs: [input] } };
}

test('what is held for others is bounded, of one plan and of all', () => {
  const clock = new VirtualClock();
  const blobs = new MemoryBlobStore();
  const network = new SimHub({ clock }).join();
  const log = { log: () => undefined };
  const limits = { planBytesMax: ARRAY_BYTES, bytesMax: 2 * ARRAY_BYTES, answerMs: 100 };
  const holder = new InputHolder({ network, blobs, clock, log }, limits);
  const reasonOf = (name: string, bytes: number) => {
    const taken = holder.take(planReading(name, bytes));
    return taken.ok ? 'held' : taken.reason;
  };
  assert.equal(reasonOf('too large', ARRAY_BYTES + 4), 'over-limits');
  assert.equal(reasonOf('first', ARRAY_BYTES), 'held');
  assert.equal(reasonOf('second', ARRAY_BYTES), 'held');
  assert.equal(reasonOf('second', ARRAY_BYTES), 'held', 'of a plan once');
  assert.equal(reasonOf('third', 4), 'over-limits');
  holder.release(planReading('first', ARRAY_BYTES).planId);
  assert.equal(reasonOf('third', 4), 'held');
});
