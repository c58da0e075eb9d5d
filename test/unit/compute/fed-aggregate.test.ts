/**
 * `fed.aggregate@1`: the same bits however it is cut and in whatever order updates came, a reason
 * for everything a round must not contain, and a certificate for a round run as a job.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex, utf8 } from '../../../src/base/bytes.ts';
import { blobRoot } from '../../../src/blob/tree.ts';
import type { ExecutionRequest } from '../../../src/compute/executor.ts';
import { type SampleRound, sampleRound } from '../../../src/compute/kernels/fed-aggregate.ts';
import { sampleRequest } from '../../../src/compute/kernels/kernel-code.ts';
import { JsExecutor } from '../../../src/compute/local-executor.ts';
import { digestOf } from '../../../src/compute/selftest.ts';
import { signerFromSeed } from '../../../src/crypto/node/keys.ts';
import { sha256 } from '../../../src/crypto/portable/hash.ts';
import {
  aggregateRound,
  decodeTensors,
  encodeTensors,
  type RoundInputs,
  type RoundParameters,
} from '../../../src/federated/round/aggregate-round.ts';
import { packState, unpackState } from '../../../src/federated/round/round-state.ts';
import {
  decodeStatements,
  encodeStatements,
  joinUpdates,
  type SignedStatement,
  type Statement,
  signStatement,
} from '../../../src/federated/round/statement.ts';
import { testSwarm } from '../../../src/sdk/test-swarm.ts';
import { verify } from '../../../src/verify.ts';
import { encodeCanonical } from '../../../src/wire/cbor.ts';

const js = new JsExecutor();
const BASE: SampleRound = { codec: 'q8', rule: 'mean', clients: 5, columns: 70 };
const signerOf = (i: number) => signerFromSeed(sha256(utf8(`sample client ${i}`)));

interface Round {
  readonly parameters: RoundParameters;
  readonly inputs: RoundInputs;
  readonly signed: readonly SignedStatement[];
  readonly containers: readonly Uint8Array[];
}

function roundOf(init: Partial<SampleRound> = {}): Round {
  const request = sampleRound({ ...BASE, ...init });
  const bytes = (name: string) =>
    request.inputs.find((input) => input.name === name)!.segments[0]!.bytes;
  const parameters = request.parameters as unknown as RoundParameters;
  const [statements, updates, state] = [bytes('statements'), bytes('updates'), bytes('state')];
  const place = { training: hex(parameters.training), round: 3, parent: hex(parameters.parent) };
  const decoded = decodeStatements(statements, place);
  assert.ok(decoded.ok);
  let offset = 0;
  const containers = decoded.value.map(({ statement }) => {
    offset += statement.bytes;
    return updates.slice(offset - statement.bytes, offset);
  });
  const words = new Int32Array(state.slice().buffer);
  const inputs = { schema: bytes('schema'), state: words, statements, updates };
  return { parameters, inputs, signed: decoded.value, containers };
}

const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));

function outcomeOf(parameters: RoundParameters, inputs: RoundInputs) {
  const outcome = aggregateRound(parameters, inputs);
  assert.ok(outcome.ok, outcome.ok ? '' : outcome.reason);
  return { ...outcome.value, state: [...outcome.value.state], trace: toHex(outcome.value.trace) };
}

function reasonOf(parameters: RoundParameters, inputs: RoundInputs): string {
  const outcome = aggregateRound(parameters, inputs);
  return outcome.ok ? 'accepted' : outcome.reason;
}

test('the same bits for any number of shards', async () => {
  const rules = ['mean', 'median', 'bucket:size=2+centered-clip:steps=3,radius=median'];
  for (const rule of rules) {
    for (const optimiser of ['fedavg:rate=1', 'fedyogi:rate=0.01,beta1=0.9,beta2=0.99,tau=0.001']) {
      const request = sampleRound({ ...BASE, rule, optimiser });
      const whole = await digestOf(js, { name: '', request });
      for (const shardCount of [2, 7, 32]) {
        const cut: ExecutionRequest = sampleRequest({ ...request, shardCount });
        assert.equal(await digestOf(js, { name: '', request: cut }), whole, rule);
      }
    }
  }
});

test('the same bits in whatever order updates arrived', () => {
  const { parameters, inputs, signed, containers } = roundOf({ rule: 'bucket+centered-clip' });
  const order = [3, 0, 4, 2, 1];
  const shuffled = order.map((i) => signed[i]!);
  const entries = order.map((i) => ({
    client: signed[i]!.statement.client,
    container: containers[i]!,
  }));
  const statements = encodeStatements(shuffled);
  const again = { ...inputs, statements, updates: joinUpdates(entries) };
  assert.deepEqual(outcomeOf(parameters, again), outcomeOf(parameters, inputs));
});

test('every row of the state survives packing', () => {
  const optimiser = { name: 'fedadam', rate: 1, beta1: 1, beta2: 1, tau: 1 } as const;
  const state = {
    model: Int32Array.of(1, -2),
    aggregate: Int32Array.of(3, -4),
    momentum: Int32Array.of(5, -6),
    variance: Float64Array.of(2 ** 52 - 1, 2 ** 26),
  };
  assert.deepEqual(unpackState(packState(state), optimiser), state);
});

/** One statement of the round, said otherwise and signed again by the same client. */
function restated(round: Round, at: number, change: Partial<Statement>): RoundInputs {
  const clients = Array.from({ length: BASE.clients }, (_, i) => signerOf(i));
  const signed = round.signed.map((one, i) => {
    if (i !== at) return one;
    const signer = clients.find(({ nodeId }) => toHex(nodeId) === toHex(one.statement.client))!;
    return signStatement(signer, { ...one.statement, ...change });
  });
  return { ...round.inputs, statements: encodeStatements(signed) };
}

test('a statement of another round, past or training is refused for that', () => {
  const round = roundOf();
  const cases: readonly [string, Partial<Statement>][] = [
    ['stale-round', { round: 2 }],
    ['wrong-parent', { parent: new Uint8Array(32) }],
    ['wrong-training', { training: new Uint8Array(32) }],
    ['wrong-root', { root: sha256(utf8('another')) }],
    ['wrong-length', { bytes: round.containers[1]!.length + 1 }],
    ['bad-weight', { weight: 2 ** 20 }],
    ['duplicate-root', { root: round.signed[0]!.statement.root }],
  ];
  for (const [reason, change] of cases) {
    assert.equal(reasonOf(round.parameters, restated(round, 1, change)), reason);
  }
});

test('what nobody signed, or signed twice, is refused', () => {
  const { parameters, inputs, signed } = roundOf();
  const forged = signed.map((one, i) =>
    i === 2 ? { ...one, statement: { ...one.statement, weight: 9 } } : one,
  );
  const list = (statements: readonly SignedStatement[]) => ({
    ...inputs,
    statements: encodeCanonical(statements),
  });
  assert.equal(reasonOf(parameters, list(forged)), 'bad-signature');
  assert.equal(reasonOf(parameters, list([signed[0]!, signed[0]!])), 'not-ascending');
  assert.equal(reasonOf(parameters, list([signed[1]!, signed[0]!])), 'not-ascending');
  const longer = { ...inputs, statements: Uint8Array.of(...inputs.statements, 0) };
  assert.notEqual(reasonOf(parameters, longer), 'accepted');
});

test('a container that is not one is refused for its own reason', () => {
  const round = roundOf();
  const at = 1;
  const cases: readonly [string, (container: Uint8Array) => void][] = [
    ['bad-magic', (bytes) => bytes.fill(0, 0, 4)],
    ['wrong-round', (bytes) => bytes.fill(1, 24, 25)],
    ['wrong-schema', (bytes) => bytes.fill(1, 32, 48)],
    ['reserved-not-zero', (bytes) => bytes.fill(1, 56, 57)],
  ];
  for (const [reason, spoil] of cases) {
    const containers = round.containers.map((one) => one.slice());
    spoil(containers[at]!);
    const root = blobRoot(containers[at]!);
    const updates = Uint8Array.from(containers.flatMap((one) => [...one]));
    const inputs = { ...restated(round, at, { root }), updates };
    assert.equal(reasonOf(round.parameters, inputs), reason);
  }
});

test('texts that no round can have are refused', () => {
  const { parameters, inputs } = roundOf();
  const cases: readonly [string, Partial<RoundParameters>][] = [
    ['bad-codec', { codec: 'q9' }],
    ['stateful-codec', { codec: 'topk:feedback=ef21' }],
    ['bad-spec', { rule: 'means' }],
    ['bad-spec', { optimiser: 'sgd' }],
    ['wrong-state', { optimiser: 'nesterov' }],
    ['too-few-updates', { rule: 'krum:faulty=2' }],
  ];
  for (const [reason, change] of cases) {
    assert.equal(reasonOf({ ...parameters, ...change }, inputs), reason);
  }
});

test('a state that no adaptive round leaves is refused: its arithmetic would not be exact', () => {
  const optimiser = 'fedyogi:rate=0.01,beta1=0.9,beta2=0.99,tau=0.001';
  const { parameters, inputs } = roundOf({ optimiser });
  const d = BASE.columns;
  const spoiled: readonly [row: number, value: number][] = [
    [2, 2 ** 26 + 1],
    [2, -(2 ** 31)],
    [3, -1],
    [3, 2 ** 26],
    [4, -1],
    [4, 2 ** 26],
  ];
  for (const [row, value] of spoiled) {
    const state = inputs.state.slice();
    state[row * d + d - 1] = value;
    assert.equal(reasonOf(parameters, { ...inputs, state }), 'wrong-state');
  }
  const state = inputs.state.slice();
  state[3 * d - 1] = -(2 ** 26);
  assert.equal(reasonOf(parameters, { ...inputs, state }), 'accepted');
});

test('a schema has one spelling and bounds', () => {
  const tensors = [
    { name: 'w', shape: [3, 4] },
    { name: 'b', shape: [4] },
  ];
  const decoded = decodeTensors(encodeTensors(tensors), 20);
  assert.ok(decoded.ok);
  assert.deepEqual(decoded.value.tensors, tensors);
  for (const wrong of [[], [['w']], [['w', 3]], [[[3], 'w']], [['w', [0]]], 7]) {
    assert.equal(decodeTensors(encodeCanonical(wrong), 20).ok, false, JSON.stringify(wrong));
  }
});

test('a round runs as a job, with replicas, a quorum and a certificate that holds offline', async () => {
  const request = sampleRound({
    ...BASE,
    rule: 'bucket:size=2+centered-clip:steps=3,radius=median',
  });
  const { parameters, inputs } = roundOf({ rule: request.parameters.rule as string });
  const outcome = outcomeOf(parameters, inputs);
  const arrays = Object.fromEntries(
    request.inputs.map(({ name, shape, segments }) => {
      const bytes = segments[0]!.bytes;
      const data = name === 'state' ? inputs.state : bytes;
      return [name, { data, shape }];
    }),
  );
  await using swarm = await testSwarm({ nodes: 7, byzantine: ['wrong-result'], seed: 5 });
  const work = { inputs: arrays, parameters: request.parameters, shards: 1 };
  const job = await swarm.submit('fed.aggregate@1', work);
  const { outputs, certificate } = await job.result();
  assert.deepEqual([...outputs.state!.data], outcome.state);
  assert.equal(toHex(outputs.trace!.data as Uint8Array), outcome.trace);
  const verdict = await verify(certificate!, { inputs: arrays, outputs });
  assert.ok(verdict.valid, JSON.stringify(verdict));
  assert.equal(verdict.kernel, 'fed.aggregate@1');
  const others = { ...arrays, statements: { ...arrays.statements!, data: inputs.schema } };
  assert.equal((await verify(certificate!, { inputs: others, outputs })).valid, false);
});
