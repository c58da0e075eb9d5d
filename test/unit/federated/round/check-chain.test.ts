/**
 * A chain of rounds holds as it was made, and is refused for its own reason whatever is bent in it,
 * be it signed ever so properly.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex, utf8 } from '../../../../src/base/bytes.ts';
import { sha256 } from '../../../../src/crypto/portable/hash.ts';
import { openChain } from '../../../../src/federated/round/check-chain.ts';
import { replayChain } from '../../../../src/federated/round/replay-chain.ts';
import { encodeChain } from '../../../../src/federated/round/round-record.ts';
import { modelOfState } from '../../../../src/federated/round/round-state.ts';
import { isChain, verifyChain } from '../../../../src/federated/round/verify-chain.ts';
import type { JobSpec } from '../../../../src/job/spec.ts';
import { NETWORK, namedSigner } from '../../../support/certificate-factory.ts';
import { type ChainBends, COLUMNS, makeChain } from '../../../support/chain-factory.ts';

const other = sha256(utf8('another'));

function reasonOf(bend: ChainBends, recipe = {}): string {
  const opened = openChain(makeChain({ ...recipe, bend }).encoded);
  return opened.ok ? 'accepted' : opened.reason;
}

test('a chain holds, and says what it rests on', () => {
  const { encoded, states, training } = makeChain({ optimiser: 'nesterov' });
  const state = states.at(-1)!;
  const model = modelOfState(state, COLUMNS, training.plan.fractionBits);
  const verdict = verifyChain(encoded, { state, model, training: toHex(training.id) });
  assert.ok(verdict.valid, JSON.stringify(verdict));
  assert.deepEqual([verdict.rounds, verdict.roundsPlanned], [2, 3]);
  assert.deepEqual(verdict.updates, { quorum: 2, counted: [3, 3] });
  assert.deepEqual(Object.values(verdict.clients), [2, 2, 2]);
  assert.deepEqual(verdict.checked.outputs, ['state', 'model']);
  assert.ok(isChain(encoded));
});

test('every flipped byte is found out', () => {
  const { encoded } = makeChain({ count: 1 });
  for (let at = 0; at < encoded.length; at += 7) {
    const spoilt = encoded.slice();
    spoilt[at]! ^= 0x10;
    assert.equal(openChain(spoilt).ok, false, `byte ${at} of ${encoded.length}`);
  }
});

test('a job that is not this round of this plan is refused for that', () => {
  const bent = (change: (spec: JobSpec) => Partial<JobSpec>): ChainBends => ({
    round: 1,
    spec: (spec) => ({ ...spec, ...change(spec) }),
  });
  const parameter = (name: string, value: string | number) =>
    bent(({ parameters }) => ({ parameters: { ...parameters, [name]: value } }));
  const input = (name: string) =>
    bent(({ inputs }) => ({
      inputs: inputs.map((one) => (one.name === name ? { ...one, root: other } : one)),
    }));
  const policy = (change: object) => bent((spec) => ({ policy: { ...spec.policy, ...change } }));
  const cases: readonly [string, ChainBends][] = [
    ['wrong-parameters', parameter('round', 0)],
    ['wrong-parameters', parameter('rule', 'median')],
    ['wrong-parameters', parameter('codec', 'q4')],
    ['wrong-parameters', parameter('parent', toHex(other))],
    ['wrong-parameters', parameter('training', toHex(other))],
    ['wrong-input', input('schema')],
    ['wrong-input', input('state')],
    ['wrong-input', input('statements')],
    ['wrong-policy', policy({ quorum: 1 })],
    ['wrong-coordinator', { recipe: (recipe) => ({ ...recipe, label: 'another' }) }],
    ['wrong-kernel', { recipe: () => ({ label: 'chain', shards: 1 }) }],
  ];
  for (const [reason, bend] of cases) assert.equal(reasonOf(bend), reason);
  assert.equal(reasonOf({}, { network: 'elsewhere' }), 'wrong-network');
});

test('a record that is not what its certificate says is refused for that', () => {
  const cases: readonly [string, ChainBends][] = [
    ['wrong-round', { round: 1, record: (record) => ({ ...record, round: 0 }) }],
    ['wrong-parent', { round: 1, record: (record) => ({ ...record, parent: other }) }],
    ['wrong-output', { round: 1, record: (record) => ({ ...record, state: other }) }],
    ['wrong-output', { round: 1, record: (record) => ({ ...record, trace: other }) }],
    ['trailing-bytes', { record: (record) => ({ ...record, certificate: new Uint8Array(9) }) }],
  ];
  for (const [reason, bend] of cases) assert.equal(reasonOf(bend), reason);
});

test('statements that the round must not contain are refused', () => {
  const cases: readonly [string, ChainBends, object?][] = [
    ['bad-statement', { statement: (one) => ({ ...one, round: 9 }) }],
    ['bad-statement', { statement: (one) => ({ ...one, weight: 1001 }) }],
    ['bad-statement', { statement: (one) => ({ ...one, root: other }) }],
    ['bad-statement', {}, { senders: 1 }],
    ['bad-statement', {}, { senders: 5 }],
  ];
  for (const [reason, bend, recipe] of cases) assert.equal(reasonOf(bend, recipe), reason);
});

test('rounds of another chain, in another order or too many do not hang together', () => {
  const { training, records } = makeChain({ count: 3 });
  const reason = (list: readonly number[]) => {
    const opened = openChain(
      encodeChain(
        training.encoded,
        list.map((i) => records[i]!),
      ),
    );
    return opened.ok ? 'accepted' : opened.reason;
  };
  assert.equal(reason([0, 1, 2]), 'accepted');
  assert.equal(reason([]), 'accepted');
  for (const list of [[1], [0, 2], [1, 0], [0, 0], [0, 1, 2, 2]]) {
    assert.equal(reason(list), 'wrong-round', String(list));
  }
  const foreign = makeChain({ count: 3, optimiser: 'nesterov' });
  const mixed = openChain(encodeChain(training.encoded, foreign.records));
  assert.equal(mixed.ok ? '' : mixed.reason, 'wrong-parent');
});

test('what the caller knows from elsewhere must fit', () => {
  const { encoded, states, state } = makeChain();
  const last = states.at(-1)!;
  const reason = (options: Parameters<typeof verifyChain>[1]) => {
    const verdict = verifyChain(encoded, options);
    return verdict.valid ? 'VALID' : verdict.reason;
  };
  assert.equal(reason({ training: toHex(other) }), 'OTHER_TRAINING');
  assert.equal(reason({ network: { id: 'elsewhere' } }), 'OTHER_NETWORK');
  assert.equal(
    reason({ network: { id: NETWORK, members: [namedSigner('x').peerId] } }),
    'SEAT_NOT_A_MEMBER',
  );
  assert.equal(reason({ state }), 'OUTPUT_MISMATCH');
  assert.equal(reason({ model: new Float32Array(COLUMNS) }), 'STATE_NEEDED');
  assert.equal(reason({ state: last, model: new Float32Array(COLUMNS) }), 'OUTPUT_MISMATCH');
  assert.equal(reason({ state: last }), 'VALID');
  const model = modelOfState(last, COLUMNS, 24);
  assert.equal(reason({ state: last, model }), 'VALID');
  assert.equal(reason({ state: last, model: model.subarray(1) }), 'OUTPUT_MISMATCH');
  const spoilt = model.slice();
  new Uint32Array(spoilt.buffer)[COLUMNS - 1]! ^= 1;
  assert.equal(reason({ state: last, model: spoilt }), 'OUTPUT_MISMATCH');
});

test('a replay gives the same bits, or says what is wrong', async () => {
  const made = makeChain({ optimiser: 'nesterov', aggregator: 'bucket:size=2+centered-clip' });
  const opened = openChain(made.encoded);
  assert.ok(opened.ok);
  const { state } = made;
  const updatesOf = async (round: number) => made.updates[round];
  const replayed = await replayChain(opened.value, { state, updatesOf });
  assert.ok(replayed.ok, replayed.ok ? '' : replayed.reason);
  assert.deepEqual(replayed.value, made.states.at(-1));
  const reason = async (material: Parameters<typeof replayChain>[1]) => {
    const outcome = await replayChain(opened.value, material);
    return outcome.ok ? 'accepted' : outcome.reason;
  };
  const flipped = async (round: number) =>
    made.updates[round]!.map((byte, i) => (i === 70 ? byte ^ 1 : byte));
  assert.equal(await reason({ state, updatesOf: flipped }), 'wrong-input');
  assert.equal(await reason({ state, updatesOf: async () => undefined }), 'missing-updates');
  assert.equal(await reason({ state: made.states[0]!, updatesOf }), 'wrong-input');
});

test('a certified aggregate that nobody computed is found by the replay alone', async () => {
  const lie = new Int32Array(2 * COLUMNS).fill(5);
  const bytes = new Uint8Array(lie.buffer);
  const { blobRoot } = await import('../../../../src/blob/tree.ts');
  const made = makeChain({
    count: 1,
    bend: {
      recipe: (recipe) => ({ ...recipe, outputs: { ...recipe.outputs, state: bytes } }),
      record: (record) => ({ ...record, state: blobRoot(bytes) }),
    },
  });
  const opened = openChain(made.encoded);
  assert.ok(opened.ok);
  const replayed = await replayChain(opened.value, {
    state: made.state,
    updatesOf: async (round) => made.updates[round],
  });
  assert.equal(replayed.ok ? '' : replayed.reason, 'not-reproduced');
});
