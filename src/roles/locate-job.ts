/**
 * From a job's id to its plan, for whoever knows nothing else: members of its cadre announce the
 * job in the directory and show the plan, which is opened and checked here (step 12 of the life of
 * a job, docs/protocol/job-messages.md "find"). What a plan found this way rests on is what any
 * certificate without an anchor rests on: it is consistent, and the requester's key signed the job.
 */
import { equalBytes, toHex } from '../base/bytes.ts';
import { KadreError } from '../base/errors.ts';
import type { Digest, PeerId } from '../base/ids.ts';
import { peerIdOf } from '../base/ids.ts';
import type { Clock, Directory, Logger, Network, SignalOption } from '../base/ports.ts';
import { throwIfAborted } from '../base/signals.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { decodeMessage, encodeMessage, jobAnswerShape } from './job-messages.ts';
import type { PlanCache } from './plan-cache.ts';

export interface LocateComponents {
  readonly network: Network;
  readonly directory: Directory;
  readonly plans: PlanCache;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Peers of a job that are asked; a cadre of a hundred is enough of them. */
const PEERS_MAX = 128;
const ASK_TIMEOUT_MS = 5_000;

/** The directory's class of a job; of a computation in `computationClass`. */
export const jobClass = (jobId: string): string => `job/${jobId}`;
export const computationClass = (computationId: string): string => `computation/${computationId}`;

/** The first plan that holds. Errors: JOB_UNKNOWN. */
export async function locateJob(
  components: LocateComponents,
  jobId: Digest,
  options: SignalOption,
): Promise<OpenPlan> {
  const { network, directory } = components;
  const asked = new Set<PeerId>([network.self]);
  const ask = async (peer: PeerId) => {
    if (asked.has(peer)) return undefined;
    asked.add(peer);
    return askForPlan(components, peer, jobId, options);
  };
  const hints = directory.find(jobClass(toHex(jobId)), { ...options, max: PEERS_MAX });
  for await (const { peer, addresses } of hints) {
    await network.addAddresses(peer, addresses);
    const plan = await ask(peer);
    if (plan !== undefined) return plan;
  }
  // A job that was announced a moment ago, or a directory that is still young.
  for (const peer of network.connectedPeers().slice(0, PEERS_MAX)) {
    const plan = await ask(peer);
    if (plan !== undefined) return plan;
  }
  throw new KadreError(
    { code: 'JOB_UNKNOWN', data: { asked: asked.size - 1 } },
    `none of ${asked.size - 1} peers knows the job ${toHex(jobId)}`,
  );
}

/** Remembers where everybody in a plan can be dialled, as their own signed adverts say. */
export async function learnAddresses(network: Network, plan: OpenPlan): Promise<void> {
  const adverts = plan.package.roster.filter(({ advert }) => advert.addresses.length > 0);
  await Promise.allSettled(
    adverts.map(({ advert }) => network.addAddresses(peerIdOf(advert.node), advert.addresses)),
  );
}

/** The plan, if this peer shows one that holds. Errors: INTERRUPTED, STOPPED. */
export async function askForPlan(
  { network, plans, log }: LocateComponents,
  peer: PeerId,
  jobId: Digest,
  options: SignalOption,
): Promise<OpenPlan | undefined> {
  const body = encodeMessage({ t: 'find', jobId, plan: true });
  try {
    const request = { ...options, timeoutMs: ASK_TIMEOUT_MS };
    const answer = decodeMessage(await network.request(peer, 'job', body, request), jobAnswerShape);
    if (!answer.ok || answer.value.t !== 'job' || answer.value.package === undefined) {
      return undefined;
    }
    const plan = plans.open(answer.value.package);
    if (plan.ok && equalBytes(plan.value.jobId, jobId)) return plan.value;
    log.log('info', 'located-plan-refused', { peer, reason: plan.ok ? 'wrong-job' : plan.reason });
  } catch (cause) {
    throwIfAborted(options.signal);
    log.log('debug', 'locate-failed', { peer, cause: String(cause) });
  }
  return undefined;
}
