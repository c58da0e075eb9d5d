/**
 * Trainings over real nodes on a virtual clock: rounds end in a chain that verifies offline,
 * clients that lie are refused for their reason, silent ones cost a deadline and no more.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Examples } from '../../../../src/federated/model/model.ts';
import { openChain } from '../../../../src/federated/round/check-chain.ts';
import {
  type ClientEvent,
  type LocalTraining,
  updateOf,
} from '../../../../src/roles/training/client.ts';
import type { TrainedRound, TrainOptions } from '../../../../src/sdk/train.ts';
import { VirtualSwarm } from '../../../support/virtual-swarm.ts';

/** Two classes that one line tells apart, unlike for each client. */
function rowsOf(client: number, count = 40): Examples {
  const features = new Float32Array(2 * count);
  const labels = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const [x, y] = [Math.sin(7 * i + client), Math.cos(5 * i + 2 * client)];
    features.set([x, y], 2 * i);
    labels[i] = x + y > 0.1 ? 1 : 0;
  }
  return { features, labels };
}

const OPTIONS: TrainOptions = {
  model: 'logreg',
  data: rowsOf(99, 200),
  rounds: 3,
  clients: 3,
  aggregator: 'mean',
  rate: 0.5,
  epochs: 2,
  batch: 10,
  deadlineMs: 5_000,
};

interface Run {
  readonly rounds: readonly TrainedRound[];
  readonly chain: Uint8Array;
  readonly before: number | undefined;
  readonly events: readonly (readonly ClientEvent[])[];
}

type Client = Examples | LocalTraining;

async function run(clients: readonly Client[], wishes: Partial<TrainOptions> = {}): Promise<Run> {
  const swarm = await VirtualSwarm.start(7);
  const training = await swarm.client.train({ ...OPTIONS, ...wishes });
  const before = training.accuracy;
  const joined = clients.map(async (one, i) => {
    const client = swarm.swarmOf(await swarm.guest(20 + i));
    const how = typeof one === 'function' ? { train: one } : { data: one };
    const events: ClientEvent[] = [];
    for await (const event of client.join(training.id, how)) events.push(event);
    return events;
  });
  const collect = async () => {
    const rounds: TrainedRound[] = [];
    for await (const round of training) rounds.push(round);
    return rounds;
  };
  const [rounds, ...events] = await swarm.run(Promise.all([collect(), ...joined]));
  const chain = training.chain();
  await swarm.stop();
  return { rounds, chain, before, events };
}

test('rounds of three clients end in a chain that verifies offline', async () => {
  const { rounds, chain, before, events } = await run([rowsOf(1), rowsOf(2), rowsOf(3)]);
  assert.equal(rounds.length, 3);
  for (const { clients, refused } of rounds) {
    assert.deepEqual([clients.length, refused.length], [3, 0]);
  }
  assert.ok(
    rounds.at(-1)!.accuracy! > Math.max(0.9, before!),
    `${before} ${rounds.at(-1)!.accuracy}`,
  );
  const opened = openChain(chain);
  assert.ok(opened.ok, opened.ok ? '' : `${opened.reason} ${opened.detail}`);
  assert.equal(opened.value.head.round, 3);
  for (const seen of events) {
    const types = seen.map(({ type }) => type);
    assert.deepEqual(types, ['joined', 'sent', 'sent', 'sent', 'ended']);
  }
});

test('updates larger than their share are sent small, and what is left over is not lost', async () => {
  const codec = 'topk:keep=34%';
  const rows = [rowsOf(1), rowsOf(2), rowsOf(3)];
  const { rounds, chain } = await run(rows, { codec, rounds: 6 });
  assert.ok(rounds.at(-1)!.accuracy! > 0.85, String(rounds.at(-1)!.accuracy));
  assert.ok(openChain(chain).ok);
});

test('of a large model 250 times less is sent up, whatever a client sends counted', async () => {
  const elements = 300_000;
  const wave =
    (client: number): LocalTraining =>
    async (at) =>
      at.map((_, k) => Math.sin(k * k + client) * Math.exp((k % 1000) / -200));
  const swarm = await VirtualSwarm.start(4);
  const training = await swarm.client.train({
    ...{ clients: 2, rounds: 2, aggregator: 'mean', codec: 'topk:keep=1%,values=2' },
    ...{ replicas: 2, agree: 2, cadre: 1 },
    model: {
      tensors: [{ name: 'w', shape: [500, 600] }],
      initial: new Float32Array(elements),
    },
  });
  const guests = [await swarm.guest(20), await swarm.guest(21)];
  const joined = guests.map(async (guest, i) => {
    for await (const _ of swarm.swarmOf(guest).join(training.id, { train: wave(i) }));
  });
  let up = 0;
  const collect = (async () => {
    for await (const { bytes } of training) up += bytes.up;
  })();
  await swarm.run(Promise.all([collect, ...joined]));
  const sent = guests.map(({ signer }) => swarm.sentBytes.get(signer.peerId)!);
  const all = sent.reduce((sum, bytes) => sum + bytes);
  const dense = 4 * elements * 2 * guests.length;
  assert.ok(up < all && all < 1.1 * up, `reported ${up}, sent ${all}`);
  assert.ok(dense / all >= 250, `${dense / all}`);
  await swarm.stop();
});

test('a client may train whatever way it likes, on a model of its own', async () => {
  const tensors = [{ name: 'w', shape: [4] }];
  const model = { tensors, initial: new Float32Array(4) };
  const towards =
    (target: number): LocalTraining =>
    async (at) => ({ delta: at.map((value) => target - value), weight: 2 });
  const { data: _, ...rest } = OPTIONS;
  // A change alone counts once, the others twice: their mean is the same.
  const alone: LocalTraining = async (at) => at.map((value) => 2 - value);
  const { rounds } = await run([towards(1), alone, towards(3)], { ...rest, model });
  assert.deepEqual(
    [...rounds.at(-1)!.model].map((value) => Math.round(100 * value)),
    [200, 200, 200, 200],
  );
  assert.equal(rounds.at(-1)!.accuracy, undefined);
});

test('what a function returns is an update or BAD_UPDATE', () => {
  const delta = Float32Array.of(1, 2);
  assert.deepEqual(updateOf(delta, 2), { delta });
  assert.deepEqual(updateOf({ delta, weight: 0.5, loss: 1 }, 2), { delta, weight: 0.5, loss: 1 });
  const wrong = [undefined, null, [1, 2], new Float64Array(2), { delta: [1, 2] }, {}];
  const short = [Float32Array.of(1), { delta, weight: 0 }, { delta, weight: Number.NaN }];
  for (const returned of [...wrong, ...short, { delta, weight: Infinity }]) {
    assert.throws(() => updateOf(returned, 2), { code: 'BAD_UPDATE' });
  }
});

test('a client that cannot write its update down fails, and the others go on', async () => {
  const broken: LocalTraining = async (model) => ({ delta: model.map(() => Number.NaN) });
  const swarm = await VirtualSwarm.start(7);
  const training = await swarm.client.train({ ...OPTIONS, rounds: 2, quorum: 2 });
  const client = swarm.swarmOf(await swarm.guest(30));
  const failing = (async () => {
    for await (const _ of client.join(training.id, { train: broken }));
  })();
  failing.catch(() => undefined);
  const others = [rowsOf(1), rowsOf(2)].map(async (data, i) => {
    const other = swarm.swarmOf(await swarm.guest(20 + i));
    for await (const _ of other.join(training.id, { data }));
  });
  const counts: number[] = [];
  const collect = (async () => {
    for await (const { clients } of training) counts.push(clients.length);
  })();
  await swarm.run(Promise.all([collect, ...others]));
  await assert.rejects(failing, { code: 'BAD_UPDATE' });
  assert.deepEqual(counts, [2, 2]);
  await swarm.stop();
});

test('a silent client costs a deadline, and after two rounds nothing', async () => {
  const deadlineMs = 5_000;
  const silent: LocalTraining = () => new Promise(() => undefined);
  const swarm = await VirtualSwarm.start(7);
  const training = await swarm.client.train({ ...OPTIONS, rounds: 4, quorum: 2, deadlineMs });
  for (const [i, how] of [{ data: rowsOf(1) }, { data: rowsOf(2) }, { train: silent }].entries()) {
    const client = swarm.swarmOf(await swarm.guest(20 + i));
    void (async () => {
      for await (const _ of client.join(training.id, how));
    })();
  }
  const waits: number[] = [];
  const collect = (async () => {
    for await (const { ms } of training) waits.push(ms.collect);
  })();
  await swarm.run(collect);
  const [first, second, ...later] = waits as [number, number, number, number];
  assert.ok(first <= 60_000 && second > deadlineMs - 100 && second <= deadlineMs + 100, `${waits}`);
  for (const wait of later) assert.ok(wait < 1_000, `${waits}`);
});

test('every seat is taken: whoever comes later is told', async () => {
  const swarm = await VirtualSwarm.start(7);
  const training = await swarm.client.train({ ...OPTIONS, rounds: 1, clients: 1, quorum: 1 });
  const seated = swarm.swarmOf(await swarm.guest(20));
  const late = swarm.swarmOf(await swarm.guest(21));
  const never: LocalTraining = () => new Promise(() => undefined);
  const rounds = training[Symbol.asyncIterator]();
  rounds.next().catch(() => undefined);
  const take = seated.join(training.id, { train: never });
  await swarm.run(take.next());
  take.next().catch(() => undefined);
  await swarm.run(swarm.clock.advance(100));
  const status = await swarm.run(late.training(training.id));
  assert.deepEqual([status.clients, status.seats, status.updates], [1, 1, 0]);
  const refused = late.join(training.id, { data: rowsOf(1) });
  await swarm.run(refused.next());
  await assert.rejects(swarm.run(refused.next()), { code: 'TRAINING_REFUSED' });
});

test('nobody joins: the training says so', async () => {
  const swarm = await VirtualSwarm.start(7);
  const training = await swarm.client.train({ ...OPTIONS, waitClientsMs: 1_000 });
  const rounds = training[Symbol.asyncIterator]();
  await assert.rejects(swarm.run(rounds.next()), { code: 'NOT_ENOUGH_PEERS' });
  const lost = swarm
    .swarmOf(await swarm.guest(20))
    .join(training.id, { data: rowsOf(1), waitMs: 900 });
  await assert.rejects(swarm.run(lost.next()), { code: 'TRAINING_UNKNOWN' });
  await swarm.stop();
});

test('what contradicts itself is refused before anybody is asked', async () => {
  const swarm = await VirtualSwarm.start(1);
  const { client } = swarm;
  const cases: readonly [string, Partial<TrainOptions>][] = [
    ['UNSAFE_PLAN', { aggregator: 'median', codec: 'topk' }],
    ['UNSAFE_PLAN', { aggregator: 'krum:faulty=2' }],
    ['UNSAFE_PLAN', { aggregator: 'centered-clip', faulty: 1, quorum: 2 }],
    ['UNSAFE_PLAN', { codec: 'topk:feedback=ef21' }],
    ['UNSAFE_PLAN', { quorum: 4 }],
    ['UNSAFE_PLAN', { weightMax: 2 ** 20 }],
    ['UNSAFE_PLAN', { optimiser: 'sgd' }],
    ['UNSAFE_PLAN', { rounds: 0 }],
    ['BAD_CODEC', { codec: 'q5' }],
    ['USAGE', { model: 'transformer' }],
  ];
  for (const [code, wishes] of cases) {
    await assert.rejects(client.train({ ...OPTIONS, ...wishes }), { code }, JSON.stringify(wishes));
  }
  assert.throws(() => client.join('00', { data: rowsOf(1) }), { code: 'USAGE' });
  assert.throws(() => client.join('00'.repeat(32), {}), { code: 'USAGE' });
  await swarm.stop();
});

test('a training is resumed by who began it, from the state that its chain ends in', async () => {
  const { chain, rounds } = await run([rowsOf(1), rowsOf(2), rowsOf(3)]);
  const swarm = await VirtualSwarm.start(1);
  const { state } = rounds.at(-1)!;
  const resume = (from: { chain: Uint8Array; state: Int32Array }) =>
    swarm.client.train({ ...OPTIONS, resume: from });
  const other = rounds[0]!.state;
  await assert.rejects(resume({ chain, state: other }), { code: 'OUTPUT_MISMATCH' });
  const spoilt = chain.with(chain.length >> 1, chain[chain.length >> 1]! ^ 1);
  await assert.rejects(resume({ chain: spoilt, state }), { code: 'CERTIFICATE_INVALID' });
  const training = await resume({ chain, state });
  assert.deepEqual(training.chain(), chain);
  const stranger = swarm.swarmOf(await swarm.guest(40));
  const theirs = stranger.train({ ...OPTIONS, resume: { chain, state } });
  await assert.rejects(theirs, { code: 'USAGE' });
  await swarm.stop();
});
