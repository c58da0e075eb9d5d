/** One message of every kind, for golden bytes and for fuzzing. Everything follows from names. */

import type { EpochLink } from '../../src/certificate/epochs.ts';
import { signTagged } from '../../src/crypto/portable/signed.ts';
import { encodeRecord } from '../../src/job/build-record.ts';
import { packShards } from '../../src/job/shard-list.ts';
import {
  claimBody,
  type JobAnswer,
  type JobNotice,
  type JobRequest,
  jobAnswerShape,
  jobNoticeShape,
  jobRequestShape,
  type Outcome,
} from '../../src/roles/job-messages.ts';
import { TAGS } from '../../src/wire/tags.ts';
import { digestOf, makeJob, workOf } from './job-factory.ts';

const job = makeJob({ nodes: 2, shards: 2, policy: { replicas: 1, cadre: 1 } });
const { plan } = job;
const { planId, package: pkg } = plan;
const draft = { ...pkg, cadre: [] };
const shards = packShards([0, 1]);
const worker = job.identity(plan.workers[0]!);
const { seal } = workOf(job, { worker: plan.workers[0]!, shards: [0, 1] });
const claim = { planId, worker: worker.nodeId, wave: 0, shards: 2 };

const node = worker.nodeId;
const outcome: Outcome = {
  planId,
  disputes: [{ shard: 0, node, kind: 'wrong-result', evidence: [digestOf(0), digestOf(1)] }],
  retries: [{ shards, node, reason: 'overdue' }],
  failure: 'NO_AGREEMENT',
  failedShard: 1,
};

/** Its signatures are none: who reads the message checks them. */
const link: EpochLink = {
  commit: {
    epoch: 0,
    round: 7,
    height: 5,
    blockId: digestOf(4),
    stateRoot: digestOf(5),
    resultsRoot: new Uint8Array(32),
    nextCadreRoot: digestOf(6),
    signers: Uint8Array.of(1),
    sigs: new Uint8Array(64),
  },
  entry: pkg.cadre[0]!,
};

const SLOT = { node: 0, wave: 0, standing: 'entitled' } as const;

/** Messages of every kind: one without an example does not compile. */
type OfEachKind<M extends { readonly t: string }> = {
  readonly [T in M['t']]: readonly [Extract<M, { t: T }>, ...Extract<M, { t: T }>[]];
};

const requests: OfEachKind<JobRequest> = {
  convene: [{ t: 'convene', seat: 0, package: draft }],
  'stand-in': [{ t: 'stand-in', seat: 0, detached: false, package: pkg, links: [link] }],
  handover: [{ t: 'handover', planId, offset: 65_536 }],
  open: [{ t: 'open', planId, skipped: [], cadre: pkg.cadre, detached: true }],
  assign: [{ t: 'assign', wave: 0, shards: new Uint8Array(0), package: pkg }],
  record: [{ t: 'record', planId, record: encodeRecord(seal.record).bytes }],
  ask: [{ t: 'ask', planId }],
  certificate: [{ t: 'certificate', planId }],
  alive: [{ t: 'alive', planId }],
  find: [{ t: 'find', jobId: plan.jobId, plan: true }],
  known: [{ t: 'known', computationId: digestOf(2) }],
  hold: [{ t: 'hold', planId }],
  why: [{ t: 'why', planId, first: 0, count: 64, open: true }],
  doing: [{ t: 'doing', planId, shards }],
};
export const REQUESTS: readonly JobRequest[] = Object.values(requests).flat();

const answers: OfEachKind<JobAnswer> = {
  entry: [{ t: 'entry', entry: pkg.cadre[0]! }],
  ok: [{ t: 'ok' }],
  handover: [
    { t: 'handover', links: [link], total: 5, bytes: Uint8Array.of(1, 2, 3) },
    { t: 'handover', links: [], total: 5, bytes: Uint8Array.of(4, 5) },
  ],
  certificate: [
    { t: 'certificate', root: digestOf(0), size: 3, content: Uint8Array.of(1, 2, 3) },
    { t: 'certificate', root: digestOf(1), size: 300_000 },
  ],
  claim: [
    { t: 'claim', ...claim, signature: signTagged(worker, TAGS.signClaim, claimBody(claim)) },
  ],
  refused: [{ t: 'refused', reason: 'busy', detail: '64 plans' }],
  job: [
    { t: 'job', planId, state: 'running', accepted: 1, package: pkg },
    { t: 'job', planId, state: 'ended', accepted: 2, outcome },
  ],
  known: [
    { t: 'known', jobs: [] },
    { t: 'known', jobs: [plan.jobId, digestOf(3)] },
  ],
  held: [{ t: 'held', missing: 65_536 }],
  why: [
    {
      t: 'why',
      accepted: 1,
      failure: '',
      next: 2,
      rows: [{ shard: 1, phase: 'sealing', wave: 1, workers: [SLOT, { ...SLOT, wave: 1 }] }],
    },
  ],
  doing: [{ t: 'doing', rows: [{ shard: 1, wave: 0, step: 'running' }] }],
};
export const ANSWERS: readonly JobAnswer[] = Object.values(answers).flat();

const notices: OfEachKind<JobNotice> = {
  closed: [{ t: 'closed', planId, wave: 0, shards }],
  ended: [{ t: 'ended', planId }],
  computed: [{ t: 'computed', planId, shards: 2, micros: 1_500 }],
  progress: [{ t: 'progress', planId, accepted: 1 }],
  outcome: [{ t: 'outcome', outcome }],
  cadre: [{ t: 'cadre', planId, links: [link] }],
  suspect: [{ t: 'suspect', planId, worker: node }],
};
export const NOTICES: readonly JobNotice[] = Object.values(notices).flat();

export const MESSAGES = [
  { kind: 'request', shape: jobRequestShape, messages: REQUESTS },
  { kind: 'answer', shape: jobAnswerShape, messages: ANSWERS },
  { kind: 'notice', shape: jobNoticeShape, messages: NOTICES },
] as const;
