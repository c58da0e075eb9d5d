/** Faults for a while, then a quiet world in which everything must be delivered. */
import assert from 'node:assert/strict';
import { Cluster, type ClusterOptions } from './cluster.ts';

export function startAll(cluster: Cluster): void {
  for (const instance of cluster.instances) cluster.start(instance);
}

/** Virtual ms within which every honest seat must have delivered, once the world is quiet. */
const LIVENESS_BOUND_MS = 120_000;

export async function expectDelivered(cluster: Cluster, count: number): Promise<void> {
  const done = await cluster.run(LIVENESS_BOUND_MS, () => cluster.isDelivered(count));
  assert.ok(done, `not live: ${JSON.stringify(cluster.options)}`);
}

export async function storm(options: ClusterOptions): Promise<void> {
  const cluster = new Cluster(options);
  const { random, time } = cluster;
  startAll(cluster);
  let submitted = 0;
  for (let wave = 0; wave < 6; wave++) {
    submitted += 1;
    cluster.submitAll(`p${submitted}`, 0.8);
    const victim = cluster.instances[random.integer(cluster.instances.length)]!;
    const dice = random.integer(5);
    if (dice === 0) cluster.crash(victim);
    else if (dice === 1) victim.partition = 1;
    else if (dice === 2)
      for (const instance of cluster.instances) instance.partition = random.integer(2);
    else if (dice === 3) for (const instance of cluster.instances) cluster.crash(instance);
    await cluster.run(random.between(1, 1_500));
    if (random.integer(2) === 0) for (const instance of cluster.instances) instance.partition = 0;
    for (const instance of cluster.instances) {
      if (!instance.isUp && random.integer(2) === 0) cluster.start(instance);
    }
  }
  cluster.loss = 0;
  cluster.delayMaxMs = 10;
  for (const instance of cluster.instances) {
    instance.partition = 0;
    if (!instance.isUp) cluster.start(instance);
  }
  await cluster.run(time.monotonicMs() > 0 ? 50 : 0);
  for (let i = 1; i <= submitted; i++) cluster.submitAll(`p${i}`);
  await expectDelivered(cluster, submitted);
}
