/** Whole cadres in seeded worlds: safety after every event, liveness once the faults stop. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leaderOrder } from '../../../src/consensus/leader.ts';
import { Cluster } from './cluster.ts';
import { expectDelivered, startAll, storm } from './storm.ts';
import { testSeats } from './world.ts';

test('a single seat and small cadres commit every payload', async () => {
  for (const seatCount of [1, 2, 3, 4, 7]) {
    const cluster = new Cluster({ seed: seatCount, seatCount, target: 3 });
    startAll(cluster);
    for (const text of ['a', 'b', 'c']) cluster.submitAll(text);
    await expectDelivered(cluster, 3);
    assert.ok(cluster.time.monotonicMs() < 400, `${seatCount} seats waited for a timer`);
  }
});

test('the same seed gives the same run', async () => {
  const trace = async () => {
    const cluster = new Cluster({ seed: 5, seatCount: 4, target: 4, loss: 0.1 });
    startAll(cluster);
    for (const text of ['a', 'b', 'c', 'd']) cluster.submitAll(text);
    await expectDelivered(cluster, 4);
    return [cluster.time.monotonicMs(), cluster.honest.map((i) => i.driver?.finalState.texts)];
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
  for (let seed = 1; seed <= 40; seed++) {
    const seatCount = 4 + (seed % 4);
    await storm({ seed, seatCount, target: 6, loss: 0.1, delayMaxMs: seed % 3 === 0 ? 700 : 20 });
  }
});

test('a seat that runs twice with one key never forks the others', async () => {
  for (let seed = 1; seed <= 30; seed++) {
    await storm({ seed: 1000 + seed, seatCount: 4, target: 6, twins: [seed % 4], loss: 0.05 });
  }
});

test('a payload that only one seat holds reaches all by fetching', async () => {
  for (let seat = 0; seat < 4; seat++) {
    const cluster = new Cluster({ seed: 70 + seat, seatCount: 4, target: 2 });
    startAll(cluster);
    await cluster.run(10);
    cluster.submit(cluster.instances[seat]!, 'only here');
    await expectDelivered(cluster, 1);
  }
});

test('seats without the payload time out with the others, not after their own timers', async () => {
  const cluster = new Cluster({ seed: 80, seatCount: 4, target: 2 });
  startAll(cluster);
  await cluster.run(50);
  // The leader of round 1 is down. The leader of round 2 and one more hold the payload and time
  // out; the third must follow at once, or it would wait for a whole timer more.
  const order = leaderOrder(testSeats(4, 0), 4);
  cluster.crash(cluster.instances[order[0]!]!);
  for (const seat of [order[1]!, order[2]!]) cluster.submit(cluster.instances[seat]!, 'a');
  const startMs = cluster.time.monotonicMs();
  await expectDelivered(cluster, 1);
  assert.ok(
    cluster.time.monotonicMs() - startMs < 700,
    `took ${cluster.time.monotonicMs() - startMs} ms`,
  );
});

test('one crashed seat costs at most one and a half timers between commits', async () => {
  const cluster = new Cluster({ seed: 81, seatCount: 4, target: 40 });
  startAll(cluster);
  await cluster.run(50);
  cluster.crash(cluster.instances[1]!);
  for (let i = 1; i <= 12; i++) {
    const startMs = cluster.time.monotonicMs();
    cluster.submitAll(`p${i}`);
    await expectDelivered(cluster, i);
    assert.ok(
      cluster.time.monotonicMs() - startMs <= 750,
      `gap of ${cluster.time.monotonicMs() - startMs} ms`,
    );
  }
});

test('a seat whose log was rolled back is told so and never signs again', async () => {
  const cluster = new Cluster({ seed: 90, seatCount: 4, target: 9 });
  startAll(cluster);
  await cluster.run(10);
  const victim = cluster.instances[2]!;
  const firstFrame = victim.disk.synced('log');
  assert.ok(firstFrame.length > 0);
  for (const text of ['a', 'b']) {
    cluster.submitAll(text);
    await expectDelivered(cluster, text === 'a' ? 1 : 2);
  }
  cluster.crash(victim);
  // Back to just after its log was opened, as a restored snapshot would be.
  victim.disk.restore('log', firstFrame);
  victim.promised = 0;
  cluster.start(victim);
  await cluster.run(5_000);
  assert.equal(victim.driver?.signing, 'observer');
  // The others go on, and it follows.
  cluster.submitAll('c');
  await expectDelivered(cluster, 3);
});

test('a seat that was away for many blocks fetches them all', async () => {
  const cluster = new Cluster({ seed: 91, seatCount: 4, target: 100 });
  startAll(cluster);
  await cluster.run(50);
  const late = cluster.instances[3]!;
  late.partition = 1;
  for (let i = 1; i <= 80; i++) {
    cluster.submitAll(`p${i}`, 1);
    await cluster.run(60_000, () =>
      cluster.instances.slice(0, 3).every((instance) => (instance.driver?.finalHeight ?? 0) >= i),
    );
  }
  late.partition = 0;
  cluster.submitAll('last');
  await expectDelivered(cluster, 81);
});
