/**
 * A job's policy: how many workers run each shard, how many must agree, how large the cadre is, and
 * after how long a silent worker is passed over (job.md section 7, docs/protocol/job.md). What the
 * user did not choose comes from one table; what contradicts itself is refused, never corrected.
 */
import { KadreError } from '../base/errors.ts';
import { accept, type Checked, refuse } from '../base/verdict.ts';
import { LIMITS } from '../wire/limits.ts';
import type { Policy } from './spec.ts';

/** Longest deadline of any kind: thirty days. */
const POLICY_MS_MAX = 2_592_000_000;

interface PolicyOption {
  readonly name: keyof Policy;
  readonly unit: 'workers' | 'seats' | 'ms';
  readonly min: number;
  readonly max: number;
  /** Absent where it follows from the job's estimated cost. */
  readonly default?: number;
  readonly why: string;
}

export const POLICY_OPTIONS: readonly PolicyOption[] = [
  {
    name: 'replicas',
    unit: 'workers',
    min: 1,
    max: LIMITS.replicasMax,
    default: 3,
    why: 'workers that run each shard at first; three name a single liar',
  },
  {
    name: 'quorum',
    unit: 'workers',
    min: 1,
    max: LIMITS.replicasMax,
    default: 2,
    why: 'workers that must agree on a shard; at most replicas, and 1 when replicas is 1',
  },
  {
    name: 'cadre',
    unit: 'seats',
    min: 0,
    max: LIMITS.cadreSeatsMax,
    default: 4,
    why: 'committee that certifies; four tolerate one faulty member, 0 means no certificate',
  },
  {
    name: 'deadlineMs',
    unit: 'ms',
    min: 0,
    max: POLICY_MS_MAX,
    default: 0,
    why: 'the job fails when it takes longer; 0 means no deadline',
  },
  {
    name: 'sealMs',
    unit: 'ms',
    min: 1,
    max: POLICY_MS_MAX,
    why: 'a worker that has not sealed a shard by then is overdue: 8 x estimate + 5 s, >= 10 s',
  },
  {
    name: 'revealMs',
    unit: 'ms',
    min: 1,
    max: POLICY_MS_MAX,
    default: 5000,
    why: 'a worker that has not revealed this long after its set closed withholds',
  },
];

/** Room for slower moments, shared cores and fetching inputs. */
const SEAL_ESTIMATE_FACTOR = 8;
const SEAL_EXTRA_MS = 5000;
const SEAL_MS_MIN = 10_000;

export interface PolicyChoice {
  readonly replicas?: number | undefined;
  readonly quorum?: number | undefined;
  readonly cadre?: number | undefined;
  readonly deadlineMs?: number | undefined;
  readonly sealMs?: number | undefined;
  readonly revealMs?: number | undefined;
  /** How long the slowest worker should need for its whole share; see `estimateShareMs`. */
  readonly estimateMs?: number | undefined;
}

/**
 * Fills in what was not chosen. The quorum defaults to 2, or to 1 for a job of one replica, because
 * no other quorum is possible there. Throws BAD_POLICY.
 *
 * @example
 * derivePolicy({ replicas: 1, cadre: 4, estimateMs: 300 }); // quorum 1, sealMs 10000
 */
export function derivePolicy(choice: PolicyChoice = {}): Policy {
  const replicas = choice.replicas ?? defaultOf('replicas');
  const estimateMs = Math.ceil(choice.estimateMs ?? 0);
  const derivedSealMs = SEAL_ESTIMATE_FACTOR * estimateMs + SEAL_EXTRA_MS;
  const policy: Policy = {
    replicas,
    quorum: choice.quorum ?? Math.min(defaultOf('quorum'), Math.max(1, replicas)),
    cadre: choice.cadre ?? defaultOf('cadre'),
    deadlineMs: choice.deadlineMs ?? defaultOf('deadlineMs'),
    sealMs: choice.sealMs ?? Math.min(POLICY_MS_MAX, Math.max(SEAL_MS_MIN, derivedSealMs)),
    revealMs: choice.revealMs ?? defaultOf('revealMs'),
  };
  const checked = checkPolicy(policy);
  if (!checked.ok) {
    throw new KadreError(
      { code: 'BAD_POLICY', data: { ...policy } },
      checked.detail ?? 'bad policy',
    );
  }
  return policy;
}

/** Longest search for peers: a day. */
export const WAIT_PEERS_MS_MAX = 86_400_000;

/** How long a requester looks for peers; no part of the job. Throws BAD_POLICY. */
export function checkWaitPeers(waitPeersMs: number): void {
  const isWhole = Number.isSafeInteger(waitPeersMs);
  if (isWhole && waitPeersMs >= 0 && waitPeersMs <= WAIT_PEERS_MS_MAX) return;
  const message = `waitPeersMs ${waitPeersMs} is not an integer in 0..${WAIT_PEERS_MS_MAX}`;
  throw new KadreError({ code: 'BAD_POLICY', data: { waitPeersMs } }, message);
}

/** Reason: `bad-policy`. */
export function checkPolicy(policy: Policy): Checked<Policy> {
  for (const { name, min, max } of POLICY_OPTIONS) {
    const value = policy[name];
    if (!Number.isSafeInteger(value) || value < min || value > max) {
      return refuse('bad-policy', 'reject', `${name} ${value} is not an integer in ${min}..${max}`);
    }
  }
  if (policy.quorum > policy.replicas) {
    const detail = `quorum ${policy.quorum} is above replicas ${policy.replicas}`;
    return refuse('bad-policy', 'reject', detail);
  }
  return accept(policy);
}

export interface ShareEstimate {
  /** Operations of all shards together, once. */
  readonly operations: number;
  /** Operations of the most expensive shard. */
  readonly shardOperations: number;
  readonly replicas: number;
  /** Operations per second of every candidate. */
  readonly speeds: readonly number[];
}

/**
 * Milliseconds that the slowest worker should need for its share: either the whole work spread by
 * speed with the load bound's slack of one quarter, or one shard on the slowest machine.
 */
export function estimateShareMs(estimate: ShareEstimate): number {
  const { operations, shardOperations, replicas, speeds } = estimate;
  if (speeds.length === 0) return 0;
  const total = speeds.reduce((sum, speed) => sum + speed, 0);
  const slowest = speeds.reduce((least, speed) => Math.min(least, speed));
  const spreadMs = (1250 * operations * replicas) / total;
  return Math.ceil(Math.max(spreadMs, (1000 * shardOperations) / slowest));
}

function defaultOf(name: keyof Policy): number {
  return POLICY_OPTIONS.find((option) => option.name === name)?.default ?? 0;
}
