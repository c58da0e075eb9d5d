/** Fetching the certificate of a finished job from members that come and go. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { KadreError } from '../../../src/base/errors.ts';
import type { Network } from '../../../src/base/ports.ts';
import { blobRoot } from '../../../src/blob/tree.ts';
import type { FinishedJob } from '../../../src/roles/finished-job.ts';
import { encodeMessage } from '../../../src/roles/job-messages.ts';
import { fetchCertificate } from '../../../src/roles/job-results.ts';
import { JudgeList } from '../../../src/roles/judges.ts';
import { SeededRandom } from '../../../src/sim/seeded-random.ts';
import { SimJob } from '../../../src/sim/sim-job.ts';
import { SimWorld } from '../../../src/sim/sim-world.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';

let finished: FinishedJob;
before(async () => {
  const world = new SimWorld({ seed: 1 });
  for (let i = 0; i < 8; i++) world.add({ roles: i === 0 ? [] : ['worker', 'cadre'] });
  await world.clock.run(Promise.all(world.nodes.map((node) => node.start())));
  const job = new SimJob({ kernel: 'noop@1', shards: 2, policy: {} }, new SeededRandom(1));
  await world.clock.run(job.run(world.nodes[0]!, world.networkId));
  assert.ok(job.end?.kind === 'done');
  finished = job.end.finished;
});

/** Fetches while every request is answered by `answer`, given the virtual time. */
async function fetch(answer: (atMs: number) => Uint8Array) {
  const clock = new VirtualClock();
  let requests = 0;
  const network = {
    request: async () => {
      requests += 1;
      const content = answer(clock.monotonicMs());
      const root = blobRoot(content);
      return encodeMessage({ t: 'certificate', root, size: content.length, content });
    },
  } as unknown as Network;
  const fetching = fetchCertificate(
    { network, clock },
    new JudgeList(finished.plan),
    { judges: [] },
    {},
  );
  try {
    return { results: await clock.run(fetching), requests, ms: clock.monotonicMs() };
  } catch (cause) {
    assert.ok(cause instanceof KadreError);
    return { code: cause.code, requests, ms: clock.monotonicMs() };
  }
}

const certificate = () => finished.results.certificate!;
const away = (): never => {
  throw new KadreError({ code: 'PEER_UNREACHABLE' }, 'its power was cut');
};

test('members that restart are asked again', async () => {
  const fetched = await fetch((atMs) => (atMs < 5_000 ? away() : certificate()));
  assert.deepEqual(fetched.results?.certificate, certificate());
  assert.ok(fetched.ms < 10_000, `${fetched.ms} ms`);
});

test('members that stay away are given up', async () => {
  const fetched = await fetch(away);
  assert.deepEqual([fetched.code, fetched.ms <= 20_000], ['CADRE_LOST', true]);
  assert.ok(fetched.requests < 60, `${fetched.requests} requests`);
});

test('members that all answer something wrong are not asked again', async () => {
  const fetched = await fetch(() => certificate().slice(1));
  assert.deepEqual([fetched.code, fetched.requests, fetched.ms], ['CERTIFICATE_INVALID', 4, 0]);
});
