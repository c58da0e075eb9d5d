/**
 * A submission answered by a job that somebody else certified (`reuse: 'trusted'`,
 * docs/protocol/job.md, "Reuse"). The anchor is the network file: every seat of the cadre must be
 * one of its members. The certificate and the outputs are verified as for a job of one's own, and
 * some shards are run here besides.
 */
import { asKadreError, KadreError } from '../base/errors.ts';
import { type PeerId, peerIdOf } from '../base/ids.ts';
import type { Logger, SignalOption } from '../base/ports.ts';
import { abortable, throwIfAborted } from '../base/signals.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { standsFor, type WantedWork } from '../job/reuse.ts';
import type { Requester, StartedJob } from '../roles/requester.ts';
import { type SpotCheckComponents, spotCheck } from './spot-check.ts';

export interface ReuseTrustedComponents extends SpotCheckComponents {
  readonly requester: Pick<Requester, 'locate' | 'follow'>;
  readonly log: Logger;
}

/** Jobs that are tried: each costs the collecting of its outputs. */
const TRIED_MAX = 2;

/** The members of the network, for the set of whom `trusted` asks. Errors: USAGE without any. */
export function trustedMembers(members: readonly PeerId[] | undefined): ReadonlySet<PeerId> {
  if (members !== undefined && members.length > 0) return new Set(members);
  const advice = 'list the peer ids of its nodes as `members` in the network file, or reuse `own`';
  const message = 'reuse `trusted` needs an anchor, and the network names no members';
  throw new KadreError({ code: 'USAGE', advice }, message);
}

/** The job and its verified results, or undefined: run it. Errors: INTERRUPTED, STOPPED. */
export async function reuseTrusted(
  components: ReuseTrustedComponents,
  wanted: WantedWork,
  members: ReadonlySet<PeerId>,
  { signal }: { readonly signal: AbortSignal },
): Promise<StartedJob | undefined> {
  const { requester, log } = components;
  const { computationId } = wanted;
  let tried = 0;
  try {
    for await (const plan of requester.locate({ computationId, members }, { signal })) {
      if (!isAnchored(plan, members) || !standsFor(plan.spec, wanted)) continue;
      const job = await tryJob(components, plan, { signal });
      if (job !== undefined) return job;
      tried += 1;
      if (tried === TRIED_MAX) break;
    }
  } catch (cause) {
    throwIfAborted(signal);
    log.log('info', 'no-job-located', { cause: String(cause) });
  }
  return undefined;
}

function isAnchored(plan: OpenPlan, members: ReadonlySet<PeerId>): boolean {
  return plan.seats.length > 0 && plan.seats.every(({ node }) => members.has(peerIdOf(node)));
}

async function tryJob(
  components: ReuseTrustedComponents,
  plan: OpenPlan,
  { signal }: SignalOption & { readonly signal: AbortSignal },
): Promise<StartedJob | undefined> {
  const { requester, log } = components;
  try {
    const started = await abortable(requester.follow(plan), signal);
    const finished = await abortable(started.finished, signal);
    await abortable(spotCheck(components, finished, { signal }), signal);
    log.log('info', 'job-reused', { jobId: started.job.id, reuse: 'trusted' });
    return started;
  } catch (cause) {
    throwIfAborted(signal);
    const { code, message } = asKadreError(cause, 'INTERNAL', 'the earlier job');
    // A certificate of members that is wrong is news, whatever it costs us to run the job.
    const level = code === 'OUTPUT_MISMATCH' ? 'error' : 'info';
    log.log(level, 'job-not-reused', { requester: peerIdOf(plan.spec.requester), code, message });
    return undefined;
  }
}
