/**
 * A node without a network: it "runs" jobs by making a properly signed certificate for them on the
 * spot, so that everything around a node can be tested with real bytes.
 */

import assert from 'node:assert/strict';
import type { NodeStatus, RunningNode } from '../../node/node-facade.ts';
import { toHex } from '../../src/base/bytes.ts';
import { KadreError } from '../../src/base/errors.ts';
import { peerIdOf } from '../../src/base/ids.ts';
import { rejectOnAbort, throwIfAborted } from '../../src/base/signals.ts';
import { quorumOf } from '../../src/consensus/seats.ts';
import { computationIdOf, jobIdOf } from '../../src/job/spec.ts';
import { completeRow } from '../../src/job/why.ts';
import { describeKernel } from '../../src/kernel/describe.ts';
import type { NdArray } from '../../src/kernel/nd-array.ts';
import { dtypeOf } from '../../src/kernel/nd-array.ts';
import { KERNELS } from '../../src/kernel/registry.ts';
import { checkWork } from '../../src/sdk/check-work.ts';
import { matchJobId } from '../../src/sdk/find-job.ts';
import { mapJobs } from '../../src/sdk/map-jobs.ts';
import type {
  JobEvent,
  JobHandle,
  JobInfo,
  JobResult,
  JobState,
  JobSummary,
  SubmitOptions,
  Swarm,
  Work,
} from '../../src/sdk/types.ts';
import { whyQuestion } from '../../src/sdk/why-question.ts';
import { encodeCanonical } from '../../src/wire/cbor.ts';
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
  /** Plays a disk that lost what it acknowledged. */
  fail(error: KadreError): void;
}

export const FAKE_PEER_ID = '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN';

export function makeFakeNode(init: FakeNodeInit = {}): FakeNode {
  const submissions: { kernel: string; work: Work; options: SubmitOptions }[] = [];
  const cancelled: string[] = [];
  let stops = 0;
  const failed = Promise.withResolvers<KadreError>();
  const handles = new Map<string, JobHandle>();
  const swarm: Swarm = {
    peerId: FAKE_PEER_ID,
    map: (kernel, works, options) => mapJobs(swarm, kernel, works, options),
    job: async (id) => handles.get(matchJobId(id, handles.keys()))!,
    retry: async (id, options = {}) => {
      const found = [...handles.keys()].indexOf(matchJobId(id, handles.keys()));
      const { kernel, work, options: before } = submissions[found]!;
      return swarm.submit(kernel, work, { ...before, ...options });
    },
    jobs: () => Promise.all([...handles.values()].map((handle) => handle.describe())),
    async submit(kernel, work, options = {}) {
      options.signal?.throwIfAborted();
      submissions.push({ kernel, work, options });
      if (init.refusal !== undefined) throw init.refusal;
      checkWork(kernel, work, options);
      const made = makeJob(kernel, work, options, handles.size);
      const handle = fakeJob(made, { init, options, cancelled });
      handles.set(handle.id, handle);
      return handle;
    },
    average: async () => assert.fail('no averaging at a fake node'),
    train: async () => assert.fail('no training at a fake node'),
    training: async () => assert.fail('no training at a fake node'),
    join: () => assert.fail('no training at a fake node'),
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
    status: () => fakeStatus(submissions.length),
    caps: () => ({ node: FAKE_PEER_ID }),
    reach: async () => [],
    rest: () => undefined,
    failed: failed.promise,
    fail: failed.resolve,
    stop: async () => {
      stops += 1;
    },
  };
}

function fakeStatus(done: number): NodeStatus {
  return {
    v: 1,
    peerId: FAKE_PEER_ID,
    addrs: [],
    reachability: 'local',
    uptimeMs: 5,
    backend: 'cpu/js',
    roles: ['worker', 'cadre'],
    dataDir: '/data',
    network: 'certificate-test',
    peers: 1,
    connected: 1,
    load: { shards: 0, plans: 0 },
    jobs: { running: 0, done, failed: 0 },
    memory: { rssBytes: 1 },
    store: { bytes: 1, bytesMax: 2, pinnedBytes: 0 },
    denied: [],
    otherVersions: [],
    totals: { plansTaken: 0, penalties: { ignore: 0, reject: 0, ban: 0 }, cpuMs: 1, busyMs: 1 },
    resting: null,
    leftOut: [],
  };
}

function makeJob(
  kernel: string,
  work: Work,
  options: SubmitOptions,
  number: number,
): MadeCertificate {
  const { resolved } = checkWork(kernel, work, options);
  return makeCertificate({
    label: `fake-${number}-${kernel}-${JSON.stringify(resolved.parameters)}`,
    nodes: 10,
    kernel,
    parameters: resolved.parameters,
    // Files this small are read whole.
    inputs: (work.inputs ?? {}) as Record<string, NdArray>,
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
  const cancel = async () => {
    if (isCancelled || !init.stalls) return;
    isCancelled = true;
    cancelled.push(id);
    cancelling.reject(new KadreError({ code: 'JOB_CANCELLED' }, 'cancelled'));
  };
  let isCancelled = false;
  // As with a real swarm, the signal of the submission governs the whole job.
  options.signal?.addEventListener('abort', () => void cancel());
  const summary = summaryOf(made, id, options);
  const certificate = options.cadre === 0 ? null : made.bytes;
  const honest: JobResult = { outputs: made.outputs, certificate, summary };
  return {
    id,
    reused: false,
    async *events({ follow = true, signal } = {}): AsyncGenerator<JobEvent> {
      yield { type: 'planned', jobId: id, workers: 10, roster: 10 };
      if (options.detached) yield { type: 'detachable', holders: [FAKE_PEER_ID] };
      yield { type: 'progress', accepted: made.spec.shards, total: made.spec.shards };
      if (init.stalls && !isCancelled) {
        if (!follow) return;
        await Promise.race([cancelling.promise, rejectOnAbort(signal ?? NEVER)]).catch(() => {});
        throwIfAborted(signal);
      }
      yield { type: 'done' };
    },
    async result({ signal } = {}) {
      signal?.throwIfAborted();
      if (!init.stalls) return init.bend?.(honest) ?? honest;
      return await Promise.race([rejectOnAbort(signal ?? NEVER), cancelling.promise]);
    },
    spec: async () => encodeCanonical(made.spec),
    describe: async () => {
      const state = isCancelled ? 'cancelled' : init.stalls ? 'running' : 'done';
      return infoOf(made, id, { state, options });
    },
    why: async (question = {}) => {
      const { shards } = made.spec;
      const { open, first } = whyQuestion(question, shards);
      const stage = init.stalls ? 'computing' : 'done';
      const base = { jobId: id, stage, shards, judges: [], source: null, next: null } as const;
      if (!init.stalls && open) return { ...base, accepted: shards, rows: [], words: 'done' };
      const peer = FAKE_PEER_ID;
      const row = completeRow({
        shard: first,
        phase: init.stalls ? 'sealing' : 'accepted',
        wave: 0,
        firstWave: [peer],
        workers: [{ peer, wave: 0, standing: 'entitled', step: 'running' }],
      });
      return { ...base, accepted: 0, rows: [row], words: 'a fake' };
    },
    cancel,
    [Symbol.asyncDispose]: cancel,
  };
}

const NEVER = new AbortController().signal;

function infoOf(
  { spec, outputs }: MadeCertificate,
  jobId: string,
  about: { readonly state: JobState; readonly options: SubmitOptions },
): JobInfo {
  const { state, options } = about;
  const { kernel, parameters, inputs, shards, policy } = spec;
  const { replicas, quorum, cadre } = policy;
  return {
    jobId,
    computationId: toHex(computationIdOf(spec)),
    state,
    stage: state === 'running' ? 'computing' : state === 'done' ? 'done' : 'failed',
    detached: options.detached === true,
    kernel,
    parameters,
    inputs: inputs.map((input) => ({ ...input, root: toHex(input.root) })),
    outputs: Object.entries(outputs).map(([name, { data, shape }]) => {
      return { name, dtype: dtypeOf(data)!, shape };
    }),
    shards,
    accepted: state === 'done' ? shards : 0,
    replicas,
    quorum,
    cadre,
    ...(options.requires === undefined ? {} : { requires: options.requires }),
    submittedMs: 1_700_000_000_000,
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
