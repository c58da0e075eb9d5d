/** What a requester tells its user about a job: events, and the outcome in words. */

import { toHex } from '../base/bytes.ts';
import { ERROR_CODES, type ErrorCode } from '../base/error-codes.ts';
import { type ErrorJson, KadreError } from '../base/errors.ts';
import { type NodeId, type PeerId, peerIdOf } from '../base/ids.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { unpackShards } from '../job/shard-list.ts';
import type { Outcome } from './job-messages.ts';

/** An attributed fault. */
export interface DisputeReport {
  readonly shard: number;
  readonly peer: PeerId;
  readonly kind: 'wrong-result' | 'equivocation' | 'withheld';
  /** Record ids in hex. */
  readonly evidence: readonly string[];
}

/** Slow, silent or refused. */
export interface RetryReport {
  readonly shard: number;
  readonly peer: PeerId;
  readonly reason: string;
}

export interface OutcomeReport {
  readonly disputes: readonly DisputeReport[];
  readonly retries: readonly RetryReport[];
  readonly failure: string;
  readonly failedShard: number;
}

export type RequesterEvent =
  | {
      readonly type: 'planned';
      readonly jobId: string;
      readonly workers: number;
      readonly roster: number;
    }
  | {
      readonly type: 'convened';
      readonly members: readonly PeerId[];
      readonly skipped: readonly number[];
    }
  /** Those who would sit in the cadre have too many plans: the job waits, and asks again. */
  | { readonly type: 'queued'; readonly reasons: readonly string[] }
  | { readonly type: 'claimed'; readonly peer: PeerId; readonly shards: number }
  | { readonly type: 'refused'; readonly peer: PeerId; readonly reason: string }
  /** Enough others hold every input: the job goes on if its requester leaves. */
  | { readonly type: 'detachable'; readonly holders: readonly PeerId[] }
  /** The cadre was lost, these members with it: the job begins again under another one. */
  | {
      readonly type: 'replanned';
      readonly instance: number;
      readonly members: readonly PeerId[];
    }
  /** A member fell silent; its seat in the cadre went to another. */
  | { readonly type: 'replaced'; readonly peer: PeerId }
  | { readonly type: 'progress'; readonly accepted: number; readonly total: number }
  | ({ readonly type: 'retry' } & RetryReport)
  | ({ readonly type: 'dispute' } & DisputeReport)
  | { readonly type: 'certified'; readonly bytes: number }
  | { readonly type: 'collected'; readonly bytes: number }
  | { readonly type: 'failed'; readonly error: ErrorJson }
  | { readonly type: 'done' };

/** The judges' outcome with peers and shards spelled out. */
export function readOutcome(plan: OpenPlan, outcome: Outcome): OutcomeReport {
  const isKnown = (node: NodeId) => plan.rosterIndexOf(node) !== undefined;
  const retries = outcome.retries.flatMap(({ shards, node, reason }) => {
    const unpacked = unpackShards(shards, plan.spec.shards);
    if (!unpacked.ok || !isKnown(node)) return [];
    return unpacked.value.map((shard) => ({ shard, peer: peerIdOf(node), reason }));
  });
  const known = outcome.disputes.filter(({ node }) => isKnown(node));
  const disputes = known.map(({ shard, node, kind, evidence }) => ({
    shard,
    peer: peerIdOf(node),
    kind,
    evidence: evidence.map(toHex),
  }));
  const { failure, failedShard } = outcome;
  return { disputes, retries, failure, failedShard };
}

/** The error that a failed outcome stands for; undefined when the job is done. */
export function failureOf({
  failure,
  failedShard,
  retries,
}: OutcomeReport): KadreError | undefined {
  if (failure === '') return undefined;
  const code = Object.hasOwn(ERROR_CODES, failure) ? (failure as ErrorCode) : 'NO_AGREEMENT';
  const reasons = [...new Set(retries.map(({ reason }) => reason))].join(', ');
  const why = reasons === '' ? '' : ` (retries: ${reasons})`;
  return new KadreError(
    { code, data: { failedShard } },
    `the job failed at shard ${failedShard}: ${ERROR_CODES[code].meaning}${why}`,
  );
}
