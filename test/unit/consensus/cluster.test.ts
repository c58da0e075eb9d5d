/** Whole cadres in seeded worlds: safety after every event, liveness once the faults stop. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cluster } from './cluster.ts';
import { expectDelivered, startAll, storm } from './storm.ts';

test('a single seat and small cadres commit every payload', async () => {
  for (const seatCount of [1, 2, 3, 4, 7]) {
    const cluster = new Cluster({ seed: seatCount, seatCount, target: 3 });
    startAll(cluster);
    for (const text of ['a', 'b', 'c']) cluster.submitAll(text);
    await expectDelivered(cluster, 3);
    assert.ok(cluster.time.nowMs < 400, `${seatCount} seats waited for a timer`);
  }
});

test('the same seed gives the same run', async () => {
  const trace = async () => {
    const cluster = new Cluster({ seed: 5, seatCount: 4, target: 4, loss: 0.1 });
    startAll(cluster);
    for (const text of ['a', 'b', 'c', 'd']) cluster.submitAll(text);
    await expectDelivered(cluster, 4);
    return [cluster.time.nowMs, cluster.honest.map((i) => i.driver?.finalState.texts)];
  };
  assert.deepEqual(await trace(), await trace());
});

test('an idle cadre stays silent', async () => {
  const cluster = new Cluster({ seed: 1, seatCount: 4, target: 9 });
  startAll(cluster);
  cluster.submitAll('a');
  await expectDelivered(cluster, 1);
  await cluster.run(1_000);
  const rounds = cluster.instances.map((instance) => instance.driver?.round);
  await cluster.run(600_000);
  assert.deepEqual(
    cluster.instances.map((instance) => instance.driver?.round),
    rounds,
  );
});

test('crashes, restarts, loss and partitions never fork, forget or stall', async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const seatCount = 4 + (seed % 4);
    await storm({ seed, seatCount, target: 6, loss: 0.1, delayMaxMs: seed % 3 === 0 ? 700 : 20 });
  }
});

test('a seat that runs twice with one key never forks the others', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    await storm({ seed: 1000 + seed, seatCount: 4, target: 6, twins: [seed % 4], loss: 0.05 });
  }
});
