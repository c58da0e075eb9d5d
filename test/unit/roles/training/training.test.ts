/**
 * Trainings over real nodes on a virtual clock: rounds end in a chain that verifies offline,
 * clients that lie are refused for their reason, silent ones cost a deadline and no more.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Examples } from '../../../../src/federated/model/model.ts';
import { openChain } from '../../../../src/federated/round/check-chain.ts';
import type { ClientEvent, LocalTraining } from '../../../../src/roles/training/client.ts';
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
    const client = await swarm.join(20 + i);
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
