/** Golden bytes of trainings, with the page's hashes written out beside the code under test. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { openChain } from '../../src/federated/round/check-chain.ts';
import { replayChain } from '../../src/federated/round/replay-chain.ts';
import { openTraining } from '../../src/federated/round/training-plan.ts';
import { encodeCanonical } from '../../src/wire/cbor.ts';

interface Vectors {
  readonly plan: string;
  readonly id: string;
  readonly firstState: string;
  readonly chain: string;
  readonly rounds: readonly Readonly<
    Record<
      | 'parent'
      | 'updateSeed'
      | 'statements'
      | 'updates'
      | 'state'
      | 'stateRoot'
      | 'trace'
      | 'jobId'
      | 'resultsRoot'
      | 'hash',
      string
    > & { round: number }
  >[];
}

const file = new URL('./federated-round.json', import.meta.url);
const vectors = JSON.parse(readFileSync(file, 'utf8')) as Vectors;
const bytes = (hex: string): Uint8Array => fromHex(hex)!;

/** H(tag, parts) as docs/protocol/bytes.md says it. */
function tagged(tag: string, ...parts: Uint8Array[]): string {
  const hash = createHash('sha256').update(tag).update(Uint8Array.of(0));
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/** A blob of one leaf: its size and content behind a prefix (docs/protocol/blob.md). */
function words(hex: string): Int32Array {
  return new Int32Array(bytes(hex).slice().buffer);
}

test('the id of a training is the hash of its plan', () => {
  assert.equal(vectors.id, tagged('kadre/training/1', bytes(vectors.plan)));
  const opened = openTraining(bytes(vectors.plan));
  assert.ok(opened.ok);
  assert.equal(toHex(opened.value.id), vectors.id);
  assert.equal(toHex(opened.value.plan.state), vectors.rounds.length > 0 ? rootOfFirst() : '');
});

function rootOfFirst(): string {
  const opened = openChain(bytes(vectors.chain));
  assert.ok(opened.ok);
  const spec = opened.value.rounds[0]!.certificate.spec;
  return toHex(spec.inputs.find(({ name }) => name === 'state')!.root);
}

test('seeds and hashes of rounds are what the page says', () => {
  let parent = vectors.id;
  for (const round of vectors.rounds) {
    assert.equal(round.parent, parent);
    const [training, before] = [bytes(vectors.id), bytes(parent)];
    assert.equal(round.updateSeed, tagged('kadre/update-seed/1', training, before));
    const opened = openChain(bytes(vectors.chain));
    assert.ok(opened.ok);
    const { spec } = opened.value.rounds[round.round]!.certificate;
    const body = {
      round: round.round,
      parent: bytes(round.parent),
      statements: spec.inputs.find(({ name }) => name === 'statements')!.root,
      state: bytes(round.stateRoot),
      trace: bytes(round.trace),
      jobId: bytes(round.jobId),
      resultsRoot: bytes(round.resultsRoot),
    };
    assert.equal(round.hash, tagged('kadre/round/1', encodeCanonical(body)));
    parent = round.hash;
  }
});

test('the chain holds, and computed again gives the same states', async () => {
  const opened = openChain(bytes(vectors.chain));
  assert.ok(opened.ok, opened.ok ? '' : opened.reason);
  const replayed = await replayChain(opened.value, {
    state: words(vectors.firstState),
    updatesOf: async (round) => bytes(vectors.rounds[round]!.updates),
  });
  assert.ok(replayed.ok, replayed.ok ? '' : replayed.reason);
  assert.deepEqual(replayed.value, words(vectors.rounds.at(-1)!.state));
});
