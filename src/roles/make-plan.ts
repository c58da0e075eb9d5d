/**
 * From a signed spec to an open plan with a seated cadre (steps 3 and 4 of the life of a job).
 * Candidates that cannot be reached are skipped within the window that members accept; when too
 * many are away, their adverts are dropped and a new roster, hence a new seed, is tried.
 */
import { asKadreError, assert, KadreError } from '../base/errors.ts';
import { type NodeId, peerIdOf } from '../base/ids.ts';
import type { Clock, Logger, Network, SignalOption } from '../base/ports.ts';
import { sleep } from '../base/signals.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { type Plan, type PlanPackage, planIdOf, seedOf } from '../job/plan.ts';
import { jobIdOf, type SignedJobSpec } from '../job/spec.ts';
import type { AdvertBook } from '../swarm/advert-book.ts';
import { cadreOrder, windowOf } from '../swarm/cadre-order.ts';
import { freezeRoster } from '../swarm/roster.ts';
import { type Convened, convene } from './convene.ts';
import type { PlanCache } from './plan-cache.ts';
import type { Scout } from './scout.ts';

export interface MakePlanComponents {
  readonly network: Network;
  readonly scout: Scout;
  readonly book: AdvertBook;
  readonly plans: PlanCache;
  readonly log: Logger;
  readonly clock: Clock;
}

export interface MakePlanInit {
  readonly job: SignedJobSpec;
  readonly waitPeersMs: number;
  /** 0 at first; one more for every plan of this job that came to nothing. */
  readonly instance: number;
  /** Members are full: told before each wait, with what they answered. */
  readonly onFull?: ((reasons: readonly string[]) => void) | undefined;
}

export interface MadePlan {
  readonly plan: OpenPlan;
  readonly skipped: readonly number[];
  readonly skippedReasons: readonly string[];
}

interface Frozen {
  readonly draft: PlanPackage;
  readonly order: readonly NodeId[];
}

const CONVENE_TIMEOUT_MS = 3_000;
/** A job waits so long for members with room, or as long as it may take at all. */
const QUEUED_MS_MAX = 600_000;
const PAUSE_MS_MIN = 50;
const PAUSE_MS_MAX = 1_000;
/** Rosters tried when whole windows do not answer. */
const ROSTERS_MAX = 3;

/** Errors: NOT_ENOUGH_PEERS, CADRE_REFUSED. */
export async function makePlan(
  components: MakePlanComponents,
  init: MakePlanInit,
  options: SignalOption,
): Promise<MadePlan> {
  for (let attempt = 1; ; attempt++) {
    const { draft, order } = await freeze(components, init, options);
    try {
      const convened = await seatWhenRoom(
        components,
        { draft, order, onFull: init.onFull },
        options,
      );
      const plan = open(components, { ...draft, ...convened.package });
      return { plan, skipped: convened.package.skipped, skippedReasons: convened.reasons };
    } catch (cause) {
      const error = asKadreError(cause, 'CADRE_REFUSED', 'no cadre');
      const isLast = attempt >= ROSTERS_MAX || isFull(error);
      if (error.code !== 'CADRE_REFUSED' || isLast) throw error;
      components.log.log('info', 'cadre-not-seated', { attempt, message: error.message });
      await forgetSilent(components, order.slice(0, windowOf(init.job.spec.policy.cadre)));
    }
  }
}

/** The frozen roster as a package without cadre, and the cadre candidates by rank. */
async function freeze(
  { scout, network }: MakePlanComponents,
  { job, waitPeersMs, instance }: MakePlanInit,
  options: SignalOption,
): Promise<Frozen> {
  const { policy, kernel, requires } = job.spec;
  const wanted = {
    kernel,
    requires,
    workersMin: policy.replicas,
    cadreMin: policy.cadre,
    waitMs: waitPeersMs,
  };
  const roster = freezeRoster(await scout.gather(wanted, options));
  assert(roster.ok, 'the advert book holds one advert per node');
  const { adverts, root } = roster.value;
  const plan: Plan = {
    v: 1,
    jobId: jobIdOf(job.spec),
    instance,
    rosterRoot: root,
    seedSource: { source: 'requester' },
  };
  const candidates = adverts
    .filter(({ advert }) => advert.roles.includes('cadre'))
    .map(({ advert }) => ({ node: advert.node }));
  const order = cadreOrder(seedOf(planIdOf(plan)), candidates).map((i) => candidates[i]!.node);
  const requesterAddresses = network.addresses().slice(0, 16);
  return {
    draft: { job, plan, roster: adverts, skipped: [], cadre: [], requesterAddresses },
    order,
  };
}

/**
 * Waits while those who would sit have no room. The plan stays what it is, so that members which
 * agreed already keep their one seat for it and spend no other.
 */
async function seatWhenRoom(
  components: MakePlanComponents,
  { draft, order, onFull }: Pick<MakePlanInit, 'onFull'> & Frozen,
  options: SignalOption,
): ReturnType<typeof seat> {
  const { clock } = components;
  const { deadlineMs } = draft.job.spec.policy;
  const waitMs = deadlineMs === 0 ? QUEUED_MS_MAX : Math.min(QUEUED_MS_MAX, deadlineMs);
  const untilMs = clock.monotonicMs() + waitMs;
  for (let pauseMs = PAUSE_MS_MIN; ; pauseMs = Math.min(PAUSE_MS_MAX, 2 * pauseMs)) {
    try {
      return await seat(components, draft, order, options);
    } catch (cause) {
      if (!isFull(cause) || clock.monotonicMs() + pauseMs > untilMs) throw cause;
      onFull?.((cause as KadreError).data.reasons as readonly string[]);
      await sleep(clock, pauseMs, options);
    }
  }
}

/** Every candidate that did not take a seat has too many plans, of this requester or in all. */
function isFull(cause: unknown): boolean {
  if (!(cause instanceof KadreError) || cause.code !== 'CADRE_REFUSED') return false;
  const reasons = (cause.data.reasons ?? []) as readonly string[];
  return reasons.length > 0 && reasons.every((reason) => /: (busy|over-limits)$/.test(reason));
}

async function seat(
  components: MakePlanComponents,
  draft: PlanPackage,
  order: readonly NodeId[],
  options: SignalOption,
): Promise<{ package: Pick<PlanPackage, 'cadre' | 'skipped'>; reasons: readonly string[] }> {
  const seats = draft.job.spec.policy.cadre;
  if (seats === 0) return { package: { cadre: [], skipped: [] }, reasons: [] };
  const planId = planIdOf(draft.plan);
  const init = { planId, draft, order, seats, timeoutMs: CONVENE_TIMEOUT_MS };
  const convened: Convened = await convene(components, init, options);
  return {
    package: { cadre: convened.entries, skipped: convened.skipped },
    reasons: convened.reasons,
  };
}

/** Our own plan, checked the way members and workers check it. */
function open({ plans }: MakePlanComponents, pkg: PlanPackage): OpenPlan {
  const opened = plans.open(pkg);
  if (opened.ok) return opened.value;
  const detail = opened.detail === undefined ? opened.reason : `${opened.reason}: ${opened.detail}`;
  throw new KadreError({ code: 'CADRE_REFUSED' }, `the plan does not hold: ${detail}`);
}

/** Drops the adverts of candidates that no longer answer, so that the next roster lacks them. */
async function forgetSilent(
  { scout, book }: MakePlanComponents,
  candidates: readonly NodeId[],
): Promise<void> {
  await Promise.all(
    candidates.map(async (node) => {
      const peer = peerIdOf(node);
      try {
        await scout.advertOf(peer);
      } catch {
        book.forget(peer);
      }
    }),
  );
}
