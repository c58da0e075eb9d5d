/**
 * Step 5 of the life of a job: the complete plan goes to the cadre and to the first wave of workers
 * over direct streams. A worker that does not answer is reported to the judges, who look for
 * themselves; a member that does not answer costs one of the f faults the cadre tolerates.
 */
import { asKadreError, KadreError } from '../base/errors.ts';
import { type PeerId, peerIdOf } from '../base/ids.ts';
import type { Logger, Network, SignalOption } from '../base/ports.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { decodeMessage, encodeMessage, type JobAnswer, jobAnswerShape } from './job-messages.ts';
import { judgesOf } from './judges.ts';

export interface PlanAnswers {
  readonly onClaimed: (peer: PeerId, shards: number) => void;
  readonly onRefused: (peer: PeerId, reason: string) => void;
}

const TIMEOUT_MS = 3_000;

/** Resolves when a quorum of the cadre is open; workers are announced meanwhile. */
export async function announcePlan(
  components: { readonly network: Network; readonly log: Logger },
  plan: OpenPlan,
  answers: PlanAnswers,
  options: SignalOption = {},
): Promise<void> {
  const opened = openCadre(components.network, plan, options);
  const judging = opened.catch(() => undefined);
  // The same bytes for everyone: each worker finds its own shards in the plan.
  const shards = new Uint8Array(0);
  const assignment = encodeMessage({ t: 'assign', wave: 0, shards, package: plan.package });
  for (const candidate of plan.workers.keys()) {
    if (plan.placement.shardsOf(candidate).length === 0) continue;
    void assignFirstWave(components, plan, candidate, { ...answers, judging, assignment });
  }
  await opened;
}

async function openCadre(network: Network, plan: OpenPlan, options: SignalOption): Promise<void> {
  const { planId, seats, package: pkg, q } = plan;
  const body = encodeMessage({ t: 'open', planId, skipped: pkg.skipped, cadre: pkg.cadre });
  const failures: string[] = [];
  let open = 0;
  await new Promise<void>((resolve, reject) => {
    if (seats.length === 0) resolve();
    for (const seat of seats) {
      const peer = peerIdOf(seat.node);
      ask(network, peer, body, options).then(
        (answer) => {
          if (answer.t === 'ok') open += 1;
          else failures.push(`${peer}: ${answer.t === 'refused' ? answer.reason : answer.t}`);
          if (open === q) resolve();
          if (failures.length > seats.length - q) reject(notOpen(failures));
        },
        (cause: unknown) => {
          failures.push(`${peer}: ${asKadreError(cause, 'PEER_UNREACHABLE', 'open').message}`);
          if (failures.length > seats.length - q) reject(notOpen(failures));
        },
      );
    }
  });
}

function notOpen(failures: readonly string[]): KadreError {
  return new KadreError(
    { code: 'CADRE_REFUSED' },
    `the cadre did not open: ${failures.join('; ')}`,
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
