/** A ledger as records, and back: the same roots, or a refusal. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeRecord } from '../../../src/job/build-record.ts';
import { jobGenesis, ledgerApplication, payloadOf } from '../../../src/roles/ledger-application.ts';
import { makeJob } from '../../support/job-factory.ts';
import { type Behaviour, runWorld } from '../../support/ledger-world.ts';

const pause = async () => {};
const CAST: readonly Behaviour[] = ['honest', 'lie-1', 'honest', 'slow', 'honest', 'equivocate'];

/** The states of a job with liars, block after block. */
function states(seed: number) {
  const job = makeJob({ nodes: CAST.length, shards: 9 });
  const application = ledgerApplication(job.plan);
  const { blocks, state } = runWorld({ job, behaviours: CAST, seed });
  let last = {
    state: jobGenesis(job.plan),
    stateRoot: state.stateRoot,
    resultsRoot: state.resultsRoot,
  };
  const executed = blocks.map((records) => {
    const payloads = records.map((record) => {
      return payloadOf(record, encodeRecord(record.record).bytes);
    });
    const result = application.execute(last.state, payloads);
    assert.ok(result.ok);
    last = result.value;
    return last;
  });
  return { snapshots: application.snapshots!, executed };
}

test('after any block, what is restored has its roots and goes on as if it had been there', async () => {
  for (const seed of [1, 2, 3]) {
    const { snapshots, executed } = states(seed);
    for (const { state, stateRoot, resultsRoot } of executed) {
      const encoded = snapshots.encode(state);
      const restored = await snapshots.decode(encoded, pause);
      assert.ok(restored.ok);
      assert.deepEqual(restored.value.stateRoot, stateRoot);
      assert.deepEqual(restored.value.resultsRoot, resultsRoot);
      assert.deepEqual(restored.value.state.ledger, state.ledger);
      assert.deepEqual(snapshots.encode(restored.value.state), encoded);
    }
  }
});

test('a byte that differs is refused, or leads to another root', async () => {
  const { snapshots, executed } = states(4);
  const { state, stateRoot } = executed.at(-1)!;
  const encoded = snapshots.encode(state);
  for (let at = 0; at < encoded.length; at += 37) {
    const bent = encoded.slice();
    bent[at]! ^= 1;
    const restored = await snapshots.decode(bent, pause);
    if (restored.ok) assert.notDeepEqual(restored.value.stateRoot, stateRoot, `byte ${at}`);
  }
  for (const bytes of [
    encoded.subarray(0, -1),
    new Uint8Array(),
    snapshots.encode(jobGenesisOf()),
  ]) {
    assert.equal((await snapshots.decode(bytes, pause)).ok, false);
  }
});

function jobGenesisOf() {
  return jobGenesis(makeJob({ nodes: CAST.length, shards: 9 }).plan);
}
