/**
 * Step 5 of the life of a job: the complete plan goes to the cadre and to the first wave of workers
 * over direct streams. A worker that does not answer is reported to the judges, who look for
 * themselves; a member that does not answer costs one of the f faults the cadre tolerates.
 */
import { asKadreError, KadreError } from '../base/errors.ts';
import { type PeerId, peerIdOf } from '../base/ids.ts';
import type { Clock, Logger, Network, SignalOption } from '../base/ports.ts';
import { sleep, throwIfAborted } from '../base/signals.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { decodeMessage, encodeMessage, type JobAnswer, jobAnswerShape } from './job-messages.ts';
import { judgesOf } from './judges.ts';

export interface PlanAnswers {
  readonly onClaimed: (peer: PeerId, shards: number) => void;
  readonly onRefused: (peer: PeerId, reason: string) => void;
}

export interface AnnounceInit extends PlanAnswers {
  /** The job goes on without its requester. */
  readonly detached: boolean;
}

const TIMEOUT_MS = 3_000;
/** After a restart: how long members that cannot be reached are asked again, and how often. */
const REOPEN_MS = 30_000;
const REOPEN_RETRY_MS = 500;

/**
 * Resolves when a quorum of the cadre is open; workers are announced meanwhile. Errors: CADRE_LOST
 * or CADRE_REFUSED, with the members that did not open, when a quorum is out of reach.
 */
export async function announcePlan(
  components: { readonly network: Network; readonly log: Logger },
  plan: OpenPlan,
  init: AnnounceInit,
  options: SignalOption = {},
): Promise<void> {
  const opened = openCadre(components.network, plan, init.detached, options);
  const judging = opened.catch(() => undefined);
  // The same bytes for everyone: each worker finds its own shards in the plan.
  const shards = new Uint8Array(0);
  const assignment = encodeMessage({ t: 'assign', wave: 0, shards, package: plan.package });
  for (const candidate of plan.workers.keys()) {
    if (plan.placement.shardsOf(candidate).length === 0) continue;
    void assignFirstWave(components, plan, candidate, { ...init, judging, assignment });
  }
  await opened;
}

/**
 * After a restart of the requester: was this plan ever opened? Members are asked to open it, which
 * those that run it affirm. `gone`: so many deny it that it can never be certified; `unknown`: not
 * enough of them can be reached to tell.
 */
export async function reopenPlan(
  { network, clock }: { readonly network: Network; readonly clock: Clock },
  plan: OpenPlan,
  detached: boolean,
  options: SignalOption,
): Promise<'open' | 'gone' | 'unknown'> {
  const { seats, q } = plan;
  const body = openMessage(plan, detached);
  const deadlineMs = clock.monotonicMs() + REOPEN_MS;
  for (;;) {
    const answers = await Promise.allSettled(
      seats.map((seat) => ask(network, peerIdOf(seat.node), body, options)),
    );
    throwIfAborted(options.signal);
    const given = answers.flatMap((one) => (one.status === 'fulfilled' ? [one.value.t] : []));
    if (given.filter((t) => t === 'ok').length >= q) return 'open';
    if (given.filter((t) => t !== 'ok').length > seats.length - q) return 'gone';
    if (clock.monotonicMs() >= deadlineMs) return 'unknown';
    await sleep(clock, REOPEN_RETRY_MS, options);
  }
}

function openMessage({ planId, package: pkg }: OpenPlan, detached: boolean): Uint8Array {
  const { skipped, cadre } = pkg;
  return encodeMessage({ t: 'open', planId, skipped, cadre, detached });
}

async function openCadre(
  network: Network,
  plan: OpenPlan,
  detached: boolean,
  options: SignalOption,
): Promise<void> {
  const { seats, q } = plan;
  if (seats.length === 0) return;
  const body = openMessage(plan, detached);
  const failures: NotOpen[] = [];
  let open = 0;
  await new Promise<void>((resolve, reject) => {
    const fail = (failure: NotOpen) => {
      failures.push(failure);
      if (failures.length > seats.length - q) reject(notOpen(failures));
    };
    for (const seat of seats) {
      const peer = peerIdOf(seat.node);
      ask(network, peer, body, options).then(
        (answer) => {
          if (answer.t === 'ok') open += 1;
          else fail({ peer, reason: answer.t === 'refused' ? answer.reason : answer.t });
          if (open === q) resolve();
        },
        (cause: unknown) => {
          const error = asKadreError(cause, 'PEER_UNREACHABLE', 'open');
          fail({ peer, reason: error.message, isSilent: true });
        },
      );
    }
  });
}

interface NotOpen {
  readonly peer: PeerId;
  readonly reason: string;
  readonly isSilent?: boolean;
}

function notOpen(failures: readonly NotOpen[]): KadreError {
  const reasons = failures.map(({ peer, reason }) => `${peer}: ${reason}`);
  const members = failures.map(({ peer }) => peer);
  const isLost = failures.some(({ isSilent }) => isSilent === true);
  return new KadreError(
    { code: isLost ? 'CADRE_LOST' : 'CADRE_REFUSED', data: { members } },
    `the cadre did not open: ${reasons.join('; ')}`,
  );
}

async function assignFirstWave(
  { network, log }: { readonly network: Network; readonly log: Logger },
  plan: OpenPlan,
  candidate: number,
  answers: PlanAnswers & { readonly judging: Promise<void>; readonly assignment: Uint8Array },
): Promise<void> {
  const node = plan.nodes[plan.workers[candidate]!]!;
  const peer = peerIdOf(node);
  try {
    const answer = await ask(network, peer, answers.assignment, {});
    if (answer.t === 'claim') answers.onClaimed(peer, answer.shards);
    else answers.onRefused(peer, answer.t === 'refused' ? answer.reason : 'unexpected answer');
  } catch (cause) {
    log.log('debug', 'worker-unreachable', { peer, cause: String(cause) });
    answers.onRefused(peer, 'unreachable');
    // A judge that has not opened the plan yet would know nothing of this worker.
    await answers.judging;
    const suspect = encodeMessage({ t: 'suspect', planId: plan.planId, worker: node });
    for (const judge of judgesOf(plan).peers) network.send(judge, 'job', suspect);
  }
}

async function ask(
  network: Network,
  peer: PeerId,
  body: Uint8Array,
  options: SignalOption,
): Promise<JobAnswer> {
  const request = { timeoutMs: TIMEOUT_MS, signal: options.signal };
  const answer = decodeMessage(await network.request(peer, 'job', body, request), jobAnswerShape);
  if (answer.ok) return answer.value;
  network.penalise(peer, answer.penalty, answer.reason);
  throw new KadreError({ code: 'PEER_MISBEHAVED', peer }, `answered with ${answer.reason}`);
}
