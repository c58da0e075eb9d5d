/**
 * When a job whose cadre is lost is planned once more. A cadre that has lost more members than it
 * tolerates can hand over to nobody, so the only honest answer is the next instance of the plan:
 * the job stays what it is, another cadre is drawn, and everything is computed again. Decided by
 * the requester, who has the inputs; docs/protocol/job-messages.md, "find".
 */
import { KadreError } from '../base/errors.ts';
import type { PeerId } from '../base/ids.ts';
import type { OpenPlan } from '../job/open-plan.ts';

/** Cadres that one job may lose before it is given up: by then something else is wrong. */
export const CADRES_LOST_MAX = 3;

export interface LostPlan {
  readonly plan: OpenPlan;
  /** We froze the plan, so the inputs are here. */
  readonly isOurs: boolean;
  /** Since the job began here. */
  readonly elapsedMs: number;
}

export interface NextInstance {
  readonly instance: number;
  /** Members that are silent or refused: no candidates until their adverts are seen again. */
  readonly members: readonly PeerId[];
}

/** A cadre that went silent, and one that never opened. */
const LOST = new Set<string>(['CADRE_LOST', 'CADRE_REFUSED']);

/** Undefined when the job has to end with this failure. */
export function nextInstance(failure: unknown, lost: LostPlan): NextInstance | undefined {
  if (!(failure instanceof KadreError) || !LOST.has(failure.code)) return undefined;
  const { instance } = lost.plan.package.plan;
  const { deadlineMs } = lost.plan.policy;
  const isTooLate = deadlineMs > 0 && lost.elapsedMs >= deadlineMs;
  if (!lost.isOurs || isTooLate || instance >= CADRES_LOST_MAX) return undefined;
  const { members } = failure.data as { readonly members?: readonly PeerId[] };
  return { instance: instance + 1, members: members ?? [] };
}
