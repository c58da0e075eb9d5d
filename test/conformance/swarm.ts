/**
 * What every `Swarm` must do, whoever implements it (contract.md, "SDK").
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../../src/base/bytes.ts';
import { jobIdOf, jobSpecShape } from '../../src/job/spec.ts';
import type { JobEvent, Swarm, Work } from '../../src/sdk/types.ts';
import { verify } from '../../src/verify.ts';
import { decodeCanonical } from '../../src/wire/cbor.ts';
import { LIMITS } from '../../src/wire/limits.ts';

export interface SwarmSubject {
  readonly name: string;
  open(): Promise<Swarm & AsyncDisposable>;
  /** One whose jobs do not end by themselves. */
  openStalling(): Promise<Swarm & AsyncDisposable>;
}

const work: Work = { parameters: { items: 100 }, shards: 5 };

export function describeSwarm(subject: SwarmSubject): void {
  const named = (what: string) => `${subject.name}: ${what}`;

  test(named('a job gives outputs and a certificate that verifies offline'), async () => {
    await using swarm = await subject.open();
    const job = await swarm.submit('noop@1', work);
    assert.match(job.id, /^[0-9a-f]{64}$/);
    const { outputs, certificate, summary } = await job.result();
    assert.deepEqual(outputs.out?.shape, [100]);
    const verdict = await verify(certificate!, { outputs, jobId: job.id });
    assert.ok(verdict.valid);
    assert.equal(verdict.computationId, summary.computationId);
    assert.equal(summary.shards, 5);
    assert.deepEqual((await job.result()).summary, summary, 'asking again gives the same');
  });

  test(named('events come from the beginning and end, for every reader'), async () => {
    await using swarm = await subject.open();
    const job = await swarm.submit('noop@1', work);
    await job.result();
    for (const _ of [1, 2]) {
      const events: JobEvent[] = [];
      for await (const event of job.events()) events.push(event);
      assert.equal(events[0]?.type, 'planned');
      assert.equal(events.at(-1)?.type, 'done');
    }
    for await (const event of job.events()) {
      assert.equal(event.type, 'planned');
      break;
    }
  });

  test(named('local mistakes are refused with their codes'), async () => {
    await using swarm = await subject.open();
    const refused = (kernel: string, bad: Work, code: string) =>
      assert.rejects(swarm.submit(kernel, bad), { name: 'KadreError', code });
    await refused('noop@7', work, 'UNKNOWN_KERNEL');
    await refused('noop@1', { parameters: { items: 0 } }, 'BAD_PARAMETER');
    await refused('noop@1', { ...work, shards: 101 }, 'BAD_SHARD_COUNT');
    await refused('gemm.f32@1', {}, 'BAD_INPUT');
  });

  test(named('a signal that aborted already sends nothing'), async () => {
    await using swarm = await subject.open();
    const signal = AbortSignal.abort();
    await assert.rejects(swarm.submit('noop@1', work, { signal }));
  });

  test(named('cancelling ends the job for everyone who waits'), async () => {
    await using swarm = await subject.openStalling();
    const job = await swarm.submit('noop@1', work);
    const waiting = job.result();
    await job.cancel();
    await assert.rejects(waiting, { code: 'JOB_CANCELLED' });
    await job.cancel();
  });

  test(named("leaving the job's scope cancels it; disposing again is fine"), async () => {
    await using swarm = await subject.openStalling();
    const job = await swarm.submit('noop@1', work);
    const waiting = assert.rejects(job.result(), { code: 'JOB_CANCELLED' });
    await job[Symbol.asyncDispose]();
    await waiting;
    await job[Symbol.asyncDispose]();
    assert.equal((await job.describe()).state, 'cancelled');
  });

  test(named("the submitter's signal cancels the job, also once it runs"), async () => {
    await using swarm = await subject.openStalling();
    const abort = new AbortController();
    const job = await swarm.submit('noop@1', work, { signal: abort.signal });
    abort.abort();
    await assert.rejects(job.result(), { code: 'JOB_CANCELLED' });
  });

  test(named('a job is found by its id and by a prefix of it, not by less'), async () => {
    await using swarm = await subject.openStalling();
    const job = await swarm.submit('noop@1', work);
    for (const id of [job.id, job.id.slice(0, 8), job.id.toUpperCase()]) {
      assert.equal((await swarm.job(id)).id, job.id);
    }
    const info = (await swarm.jobs()).find(({ jobId }) => jobId === job.id)!;
    assert.deepEqual([info.state, info.kernel, info.shards], ['running', 'noop@1', 5]);
    assert.deepEqual(info.outputs, [{ name: 'out', dtype: '|u1', shape: [100] }]);
    const other = job.id.startsWith('0000') ? '1'.repeat(64) : '0'.repeat(64);
    await assert.rejects(swarm.job(other), { code: 'JOB_UNKNOWN' });
    for (const bad of ['', job.id.slice(0, 7), `${job.id}0`, '../status', 'no hex at all']) {
      await assert.rejects(swarm.job(bad), { code: 'USAGE' }, bad);
    }
    await job.cancel();
  });

  test(named('a handle found by id sees the same events, spec and reasons'), async () => {
    await using swarm = await subject.openStalling();
    const job = await swarm.submit('noop@1', work);
    const found = await swarm.job(job.id.slice(0, 12));
    const [bytes, again] = await Promise.all([job.spec(), found.spec()]);
    assert.deepEqual(again, bytes);
    const decoded = decodeCanonical(bytes, jobSpecShape, LIMITS.jobSpecBytesMax);
    assert.ok(decoded.ok);
    assert.equal(toHex(jobIdOf(decoded.value)), job.id);
    const report = await found.why({ shard: 2 });
    assert.deepEqual([report.jobId, report.shards], [job.id, 5]);
    await assert.rejects(found.why({ shard: 5 }), { code: 'USAGE' });
    await assert.rejects(found.why({ count: 65 }), { code: 'USAGE' });
    const types: string[] = [];
    for await (const { type } of found.events({ follow: false })) types.push(type);
    assert.equal(types[0] ?? 'planned', 'planned');
    await found[Symbol.asyncDispose]();
    assert.equal((await job.describe()).state, 'running', 'it was only looked at');
    await job.cancel();
  });

  test(named('retry is the same work as another job'), async () => {
    await using swarm = await subject.open();
    const job = await swarm.submit('noop@1', work);
    const { summary } = await job.result();
    const again = await swarm.retry(job.id.slice(0, 10));
    assert.notEqual(again.id, job.id);
    const result = await again.result();
    assert.equal(result.summary.computationId, summary.computationId);
    assert.ok((await verify(result.certificate!, { outputs: result.outputs })).valid);
    await assert.rejects(swarm.retry('0'.repeat(64)), { code: 'JOB_UNKNOWN' });
  });

  test(named('map gives the results in order, and holds no more than its bound'), async () => {
    await using swarm = await subject.open();
    let [asked, read] = [0, 0];
    async function* works(): AsyncGenerator<Work> {
      for (let items = 1; items <= 6; items++) {
        asked += 1;
        assert.ok(asked - read <= 3, 'two under way, one asked for');
        yield { parameters: { items }, shards: 1 };
      }
    }
    const sizes: number[] = [];
    for await (const { outputs } of swarm.map('noop@1', works(), { concurrency: 2 })) {
      read += 1;
      sizes.push(outputs.out!.shape[0]!);
    }
    assert.deepEqual(sizes, [1, 2, 3, 4, 5, 6]);
  });

  test(named('a loop over map that ends early ends the work and the source'), async () => {
    await using swarm = await subject.open();
    let isClosed = false;
    function* works(): Generator<Work> {
      try {
        for (;;) yield { parameters: { items: 4 }, shards: 1 };
      } finally {
        isClosed = true;
      }
    }
    for await (const _ of swarm.map('noop@1', works(), { concurrency: 3 })) break;
    assert.ok(isClosed);
    for (const { state } of await swarm.jobs()) assert.notEqual(state, 'running');
  });

  test(named('a source that fails ends map, and what it had begun'), async () => {
    await using swarm = await subject.openStalling();
    async function* works(): AsyncGenerator<Work> {
      yield work;
      while ((await swarm.jobs()).length === 0) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      throw new RangeError('no more tiles');
    }
    await assert.rejects(swarm.map('noop@1', works()).next(), RangeError);
    for (const { state } of await swarm.jobs()) assert.notEqual(state, 'running');
  });

  test(named('work that map cannot submit ends the loop with its error'), async () => {
    await using swarm = await subject.open();
    const bad = [work, { parameters: { items: 0 } }, work];
    const sizes: number[] = [];
    const loop = async () => {
      for await (const { outputs } of swarm.map('noop@1', bad)) sizes.push(outputs.out!.shape[0]!);
    };
    await assert.rejects(loop(), { code: 'BAD_PARAMETER' });
    assert.deepEqual(sizes, [100]);
    const none = swarm.map('noop@1', [], { concurrency: 0 });
    await assert.rejects(none.next(), { code: 'USAGE' });
  });

  test(named('an abort ends map while it waits, and what it had begun'), async () => {
    await using swarm = await subject.openStalling();
    const abort = new AbortController();
    const loop = swarm.map('noop@1', [work, work], { signal: abort.signal });
    const first = assert.rejects(loop.next(), { code: 'INTERRUPTED' });
    while ((await swarm.jobs()).length === 0) await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    await first;
    for (const { state } of await swarm.jobs()) assert.notEqual(state, 'running');
  });

  test(named('kernels and peers are lists; closing twice is fine'), async () => {
    const swarm = await subject.open();
    assert.ok((await swarm.kernels()).some((kernel) => kernel.id === 'noop@1'));
    assert.ok(Array.isArray(await swarm.peers()));
    await swarm.close();
    await swarm.close();
    await swarm[Symbol.asyncDispose]();
  });
}
