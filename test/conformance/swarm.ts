/**
 * What every `Swarm` must do, whoever implements it (contract.md, "SDK").
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JobEvent, Swarm, Work } from '../../src/sdk/types.ts';
import { verify } from '../../src/verify.ts';

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

  test(named('kernels and peers are lists; closing twice is fine'), async () => {
    const swarm = await subject.open();
    assert.ok((await swarm.kernels()).some((kernel) => kernel.id === 'noop@1'));
    assert.ok(Array.isArray(await swarm.peers()));
    await swarm.close();
    await swarm.close();
    await swarm[Symbol.asyncDispose]();
  });
}
