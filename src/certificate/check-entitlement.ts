/**
 * Whether the workers of each shard were entitled to it: among the first 2R + 1 of the shard's
 * placement order. Provable only from the whole roster (docs/protocol/certificate.md, section 2).
 */
import type { Digest } from '../base/ids.ts';
import { accept, type Checked, refuse } from '../base/verdict.ts';
import type { JobSpec } from '../job/spec.ts';
import { workerSpeed } from '../job/worker-speed.ts';
import { capWeights, place } from '../swarm/placement.ts';
import { LIMITS } from '../wire/limits.ts';
import { mayCadreWork } from './check-results.ts';
import type { RosterView } from './check-roster.ts';
import type { ResultColumns } from './result-columns.ts';

export type Entitlement = 'checked' | 'claimed';

export interface EntitlementQuestion {
  readonly spec: JobSpec;
  readonly seed: Digest;
  readonly roster: RosterView;
  readonly seatPositions: readonly number[];
}

/** Reasons: `worker-not-entitled`, and those of `place` as `impossible-placement`. */
export function checkEntitlement(
  columns: ResultColumns,
  question: EntitlementQuestion,
): Checked<Entitlement> {
  const { spec, seed, roster } = question;
  if (roster.kind === 'part') return accept('claimed');
  const { positions, speeds } = workerCandidates(question);
  const { replicas } = spec.policy;
  const entitledMax = 2 * replicas + 1;
  // Everyone able is entitled to everything: nothing to recompute.
  if (positions.length >= replicas && positions.length <= entitledMax) return accept('checked');
  if (positions.length * spec.shards > LIMITS.entitlementChecksMax) return accept('claimed');
  const weights = capWeights(speeds);
  const candidates = positions.map((position, i) => ({
    node: roster.at(position)!.advert.node,
    weight: weights[i]!,
  }));
  const placed = place({ seed, candidates, shardCount: spec.shards, replicas });
  if (!placed.ok) return refuse('impossible-placement', 'reject', placed.reason);
  for (let shard = 0; shard < spec.shards; shard++) {
    const order = placed.value.order(shard).slice(0, entitledMax);
    const entitled = new Set(order.map((candidate) => positions[candidate]!));
    for (const position of columns.workers(shard)) {
      if (!entitled.has(position)) {
        return refuse('worker-not-entitled', 'reject', `shard ${shard}`);
      }
    }
  }
  return accept('checked');
}

/** Roster positions and speeds of all nodes that may work on the job. */
function workerCandidates(question: EntitlementQuestion): {
  positions: number[];
  speeds: number[];
} {
  const { spec, roster } = question;
  const seats = new Set(mayCadreWork(spec, roster.count) ? [] : question.seatPositions);
  const positions: number[] = [];
  const speeds: number[] = [];
  for (const position of roster.positions) {
    const speed = workerSpeed(roster.at(position)!.advert, spec);
    if (speed === undefined || seats.has(position)) continue;
    positions.push(position);
    speeds.push(speed);
  }
  return { positions, speeds };
}
