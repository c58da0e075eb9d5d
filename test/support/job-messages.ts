/** One message of every kind, for golden bytes and for fuzzing. Everything follows from names. */
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

const SLOT = { node: 0, wave: 0, standing: 'entitled' } as const;

export const REQUESTS: readonly JobRequest[] = [
  { t: 'convene', seat: 0, package: draft },
  { t: 'open', planId, skipped: [], cadre: pkg.cadre, detached: true },
  { t: 'assign', wave: 0, shards: new Uint8Array(0), package: pkg },
  { t: 'record', planId, record: encodeRecord(seal.record).bytes },
  { t: 'ask', planId },
  { t: 'certificate', planId },
  { t: 'alive', planId },
  { t: 'find', jobId: plan.jobId, plan: true },
  { t: 'hold', planId },
  { t: 'why', planId, first: 0, count: 64, open: true },
  { t: 'doing', planId, shards },
];

export const ANSWERS: readonly JobAnswer[] = [
  { t: 'entry', entry: pkg.cadre[0]! },
  { t: 'ok' },
  { t: 'certificate', root: digestOf(0), size: 3, content: Uint8Array.of(1, 2, 3) },
  { t: 'certificate', root: digestOf(1), size: 300_000 },
  { t: 'claim', ...claim, signature: signTagged(worker, TAGS.signClaim, claimBody(claim)) },
  { t: 'refused', reason: 'busy', detail: '64 plans' },
  { t: 'job', planId, state: 'running', accepted: 1, package: pkg },
  { t: 'job', planId, state: 'ended', accepted: 2, outcome },
  { t: 'held', missing: 65_536 },
  {
    t: 'why',
    accepted: 1,
    failure: '',
    next: 2,
    rows: [{ shard: 1, phase: 'sealing', wave: 1, workers: [SLOT, { ...SLOT, wave: 1 }] }],
  },
  { t: 'doing', rows: [{ shard: 1, wave: 0, step: 'running' }] },
];

export const NOTICES: readonly JobNotice[] = [
  { t: 'closed', planId, wave: 0, shards },
  { t: 'ended', planId },
  { t: 'computed', planId, shards: 2, micros: 1_500 },
  { t: 'progress', planId, accepted: 1 },
  { t: 'outcome', outcome },
  { t: 'suspect', planId, worker: node },
];

export const MESSAGES = [
  { kind: 'request', shape: jobRequestShape, messages: REQUESTS },
  { kind: 'answer', shape: jobAnswerShape, messages: ANSWERS },
  { kind: 'notice', shape: jobNoticeShape, messages: NOTICES },
] as const;
