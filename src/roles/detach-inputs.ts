/**
 * Makes a job independent of its requester: every input is held, whole, by f + 1 members of its
 * cadre, so that at least one honest one serves it, or else by R of its workers (job.md section 5).
 * Holders pull; the requester only asks, and asks again until nothing is missing.
 */
import { KadreError } from '../base/errors.ts';
import { type PeerId, peerIdOf } from '../base/ids.ts';
import type { Clock, Network, SignalOption } from '../base/ports.ts';
import { sleep, throwIfAborted } from '../base/signals.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { decodeMessage, encodeMessage, jobAnswerShape } from './job-messages.ts';
import { judgesOf } from './judges.ts';

export interface DetachComponents {
  readonly network: Network;
  readonly clock: Clock;
}

/** A holder answers sooner than this, whether or not it has everything. */
const ASK_TIMEOUT_MS = 10_000;
const RETRY_MS = 500;
/** A holder that gets no further for this many answers in a row is given up. */
const STALLED_MAX = 6;

/** Who holds the inputs. Errors: DETACH_REFUSED. */
export async function detachInputs(
  components: DetachComponents,
  plan: OpenPlan,
  options: SignalOption,
): Promise<readonly PeerId[]> {
  const { peers: members, believed } = judgesOf(plan);
  const refusals: string[] = [];
  const ask = async (peer: PeerId) => {
    const refusal = await holdAt(components, plan, peer, options);
    if (refusal !== undefined) refusals.push(`${peer}: ${refusal}`);
    return refusal === undefined;
  };
  const holders = await firstOf(members, believed, ask);
  if (holders.length >= believed) return holders;
  const { replicas } = plan.policy;
  const workers = plan.workers.map((index) => peerIdOf(plan.nodes[index]!));
  const others: PeerId[] = [];
  for (const worker of workers.filter((peer) => !members.includes(peer))) {
    throwIfAborted(options.signal);
    if (await ask(worker)) others.push(worker);
    if (others.length >= replicas) return others;
  }
  throw new KadreError(
    { code: 'DETACH_REFUSED', data: { members: holders.length, others: others.length, refusals } },
    `the inputs are held by ${holders.length} members and ${others.length} others, ` +
      `not by ${believed} or ${replicas}: ${refusals.slice(0, 4).join('; ')}`,
  );
}

/** All are asked at once; resolves with those that agreed when they are enough, or at the end. */
async function firstOf(
  peers: readonly PeerId[],
  enough: number,
  ask: (peer: PeerId) => Promise<boolean>,
): Promise<PeerId[]> {
  const agreed: PeerId[] = [];
  await new Promise<void>((resolve, reject) => {
    let open = peers.length;
    for (const peer of peers) {
      ask(peer).then((isHeld) => {
        open -= 1;
        if (isHeld) agreed.push(peer);
        if (agreed.length >= enough || open === 0) resolve();
      }, reject);
    }
    if (peers.length === 0) resolve();
  });
  return [...agreed];
}

/** Undefined once this peer holds everything; else why it does not. */
async function holdAt(
  components: DetachComponents,
  plan: OpenPlan,
  peer: PeerId,
  options: SignalOption,
): Promise<string | undefined> {
  let least = Number.POSITIVE_INFINITY;
  for (let stalled = 0; stalled < STALLED_MAX; stalled++) {
    const answer = await askOnce(components.network, plan, peer, options);
    if (answer === 0) return undefined;
    if (typeof answer === 'string' && answer !== 'unreachable') return answer;
    if (typeof answer === 'number' && answer < least) {
      least = answer;
      stalled = -1;
    }
    await sleep(components.clock, RETRY_MS, options);
  }
  return 'no progress';
}

/** Bytes still missing there, or the reason for none. */
async function askOnce(
  network: Network,
  plan: OpenPlan,
  peer: PeerId,
  options: SignalOption,
): Promise<number | string> {
  const body = encodeMessage({ t: 'hold', planId: plan.planId });
  try {
    const request = { ...options, timeoutMs: ASK_TIMEOUT_MS };
    const answer = decodeMessage(await network.request(peer, 'job', body, request), jobAnswerShape);
    if (!answer.ok) return answer.reason;
    if (answer.value.t === 'held') return answer.value.missing;
    return answer.value.t === 'refused' ? answer.value.reason : 'unexpected answer';
  } catch {
    throwIfAborted(options.signal);
    return 'unreachable';
  }
}
