/**
 * A node without a network: it "runs" jobs by making a properly signed certificate for them on the
 * spot, so that everything around a node can be tested with real bytes.
 */

import type { RunningNode } from '../../node/node-facade.ts';
import { toHex } from '../../src/base/bytes.ts';
import { KadreError } from '../../src/base/errors.ts';
import { peerIdOf } from '../../src/base/ids.ts';
import { quorumOf } from '../../src/consensus/seats.ts';
import { computationIdOf, jobIdOf } from '../../src/job/spec.ts';
import { describeKernel } from '../../src/kernel/describe.ts';
import { dtypeOf } from '../../src/kernel/nd-array.ts';
import { KERNELS } from '../../src/kernel/registry.ts';
import { checkWork } from '../../src/sdk/check-work.ts';
import type {
  JobEvent,
  JobHandle,
  JobResult,
  JobSummary,
  SubmitOptions,
  Swarm,
  Work,
} from '../../src/sdk/types.ts';
import { type MadeCertificate, makeCertificate } from './certificate-factory.ts';

export interface FakeNodeInit {
  /** Bends a finished result before it is handed out: how a test plays a lying node. */
  readonly bend?: (result: JobResult) => JobResult;
  /** Jobs that never end by themselves, until they are cancelled. */
  readonly stalls?: boolean;
  /** What every submission fails with. */
  readonly refusal?: KadreError;
}

export interface FakeNode extends RunningNode {
  /** In the order of submission. */
  readonly submissions: readonly { kernel: string; work: Work; options: SubmitOptions }[];
  readonly cancelled: readonly string[];
  readonly stops: number;
}

export const FAKE_PEER_ID = '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN';

export function makeFakeNode(init: FakeNodeInit = {}): FakeNode {
  const submissions: { kernel: string; work: Work; options: SubmitOptions }[] = [];
  const cancelled: string[] = [];
  let stops = 0;
  const swarm: Swarm = {
    peerId: FAKE_PEER_ID,
    async submit(kernel, work, options = {}) {
      options.signal?.throwIfAborted();
      submissions.push({ kernel, work, options });
      if (init.refusal !== undefined) throw init.refusal;
      checkWork(kernel, work, options);
      return fakeJob(makeJob(kernel, work, options), { init, options, cancelled });
    },
    kernels: async () => KERNELS.map(describeKernel),
    peers: async () => [
      {
        peerId: FAKE_PEER_ID,
        connected: true,
        roles: ['worker', 'cadre'],
        backends: ['cpu/js'],
        kernels: ['noop@1'],
        addresses: [`/ip4/127.0.0.1/tcp/4001/p2p/${FAKE_PEER_ID}`],
      },
    ],
    close: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
  return {
    peerId: FAKE_PEER_ID,
    addrs: [`/ip4/127.0.0.1/tcp/4001/p2p/${FAKE_PEER_ID}`],
    backend: 'cpu/js',
    swarm,
    submissions,
    cancelled,
    get stops() {
      return stops;
    },
    status: () => ({
      v: 1,
      peerId: FAKE_PEER_ID,
      addrs: [],
      uptimeMs: 5,
      backend: 'cpu/js',
      roles: ['worker', 'cadre'],
      dataDir: '/data',
      network: 'certificate-test',
      peers: 1,
      connected: 1,
      load: { shards: 0, plans: 0 },
      jobs: { running: 0, done: submissions.length, failed: 0 },
      memory: { rssBytes: 1 },
      leftOut: [],
    }),
    caps: () => ({ node: FAKE_PEER_ID }),
    stop: async () => {
      stops += 1;
    },
  };
}

function makeJob(kernel: string, work: Work, options: SubmitOptions): MadeCertificate {
  const { resolved } = checkWork(kernel, work, options);
  return makeCertificate({
    label: `fake-${kernel}-${JSON.stringify(resolved.parameters)}`,
    nodes: 10,
    kernel,
    parameters: resolved.parameters,
    inputs: work.inputs ?? {},
    shards: work.shards ?? 1,
    cadre: options.cadre || 4,
    replicas: options.replicas ?? 3,
    quorum: options.quorum ?? Math.min(2, options.replicas ?? 3),
  });
}

interface FakeJobContext {
  readonly init: FakeNodeInit;
  readonly options: SubmitOptions;
  readonly cancelled: string[];
}

function fakeJob(made: MadeCertificate, { init, options, cancelled }: FakeJobContext): JobHandle {
  const id = toHex(jobIdOf(made.spec));
  const cancelling = Promise.withResolvers<never>();
  cancelling.promise.catch(() => undefined);
  // As with a real swarm, the signal of the submission governs the whole job.
  options.signal?.addEventListener('abort', () => cancelling.reject(options.signal?.reason));
  const summary = summaryOf(made, id, options);
  const certificate = options.cadre === 0 ? null : made.bytes;
  const honest: JobResult = { outputs: made.outputs, certificate, summary };
  return {
    id,
    async *events(): AsyncGenerator<JobEvent> {
      yield { type: 'planned', jobId: id, workers: 10, roster: 10 };
      yield { type: 'progress', accepted: made.spec.shards, total: made.spec.shards };
      if (init.stalls) await cancelling.promise.catch(() => undefined);
      yield { type: 'done' };
    },
    async result({ signal } = {}) {
      signal?.throwIfAborted();
      options.signal?.throwIfAborted();
      if (!init.stalls) return init.bend?.(honest) ?? honest;
      const { promise, reject } = Promise.withResolvers<never>();
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      return await Promise.race([promise, cancelling.promise]);
    },
    async cancel() {
      cancelled.push(id);
      cancelling.reject(new KadreError({ code: 'JOB_CANCELLED' }, 'cancelled'));
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function summaryOf(made: MadeCertificate, jobId: string, options: SubmitOptions): JobSummary {
  const { spec, certificate } = made;
  const n = options.cadre === 0 ? 0 : certificate.cadre.length;
  const members = n === 0 ? [] : certificate.cadre.map((entry) => peerIdOf(entry.node));
  const outputs = Object.entries(made.outputs).map(([name, { data, shape }]) => {
    return [name, { shape, dtype: dtypeOf(data)!, digest: '00'.repeat(32) }] as const;
  });
  return {
    jobId,
    computationId: toHex(computationIdOf(spec)),
    kernel: spec.kernel,
    shards: spec.shards,
    replicas: spec.policy.replicas,
    quorum: spec.policy.quorum,
    cadre: { n, q: n === 0 ? 0 : quorumOf(n), members },
    workers: { [FAKE_PEER_ID]: { shards: spec.shards, ms: 3 } },
    disputes: [{ shard: 0, peer: FAKE_PEER_ID, kind: 'wrong-result', evidence: ['00'.repeat(32)] }],
    retries: [{ shard: 0, peer: FAKE_PEER_ID, reason: 'overdue' }],
    receipts: n === 0 ? 'none' : 'checked',
    outputs: Object.fromEntries(outputs),
    ms: { total: 4, plan: 1, compute: 1, commit: 1, collect: 1 },
  };
}
