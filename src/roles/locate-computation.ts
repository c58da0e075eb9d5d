/**
 * From a computation to certified jobs of it, whoever submitted them: cadre members announce what
 * they judged in the directory, and say which jobs that were (docs/protocol/job-messages.md,
 * "known"). Only peers that the caller named are asked, because only their word is worth anything.
 */
import { equalBytes, toHex } from '../base/bytes.ts';
import type { Digest, PeerId } from '../base/ids.ts';
import type { SignalOption } from '../base/ports.ts';
import { anySignal, throwIfAborted } from '../base/signals.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { computationOf } from '../job/reuse.ts';
import { decodeMessage, encodeMessage, jobAnswerShape } from './job-messages.ts';
import { askForPlan, computationClass, type LocateComponents } from './locate-job.ts';

export interface LocatedComputation {
  readonly computationId: Digest;
  /** Whose judgement counts. */
  readonly members: ReadonlySet<PeerId>;
}

/** Peers asked at most. */
const PEERS_MAX = 32;
const ASK_TIMEOUT_MS = 2_000;
/** A look into the directory must cost less than most jobs. */
const DIRECTORY_MS = 3_000;

/** Each job once, in the order of the answers. Errors: INTERRUPTED, STOPPED. */
export async function* locateComputation(
  components: LocateComponents,
  wanted: LocatedComputation,
  { signal }: SignalOption,
): AsyncGenerator<OpenPlan, void, undefined> {
  const seen = new Set<string>();
  for await (const peer of peersToAsk(components, wanted, { signal })) {
    for (const jobId of await jobsKnownTo(components, peer, wanted.computationId, { signal })) {
      const key = toHex(jobId);
      if (seen.has(key)) continue;
      const plan = await askForPlan(components, peer, jobId, { signal });
      if (plan === undefined) continue;
      seen.add(key);
      if (equalBytes(computationOf(plan.spec), wanted.computationId)) yield plan;
    }
  }
}

/** Connected members first: they need no directory. */
async function* peersToAsk(
  { network, directory, clock }: LocateComponents,
  { computationId, members }: LocatedComputation,
  { signal }: SignalOption,
): AsyncGenerator<PeerId, void, undefined> {
  const asked = new Set<PeerId>([network.self]);
  const isNew = (peer: PeerId) => {
    if (!members.has(peer) || asked.has(peer) || asked.size > PEERS_MAX) return false;
    asked.add(peer);
    return true;
  };
  yield* network.connectedPeers().filter(isNew);
  const timeout = new AbortController();
  const timer = clock.setTimer(DIRECTORY_MS, () => timeout.abort());
  try {
    const options = { signal: anySignal(signal, timeout.signal), max: PEERS_MAX };
    const name = computationClass(toHex(computationId));
    for await (const { peer, addresses } of directory.find(name, options)) {
      if (!isNew(peer)) continue;
      await network.addAddresses(peer, addresses);
      yield peer;
    }
  } catch (cause) {
    throwIfAborted(signal);
    if (!timeout.signal.aborted) throw cause;
  } finally {
    timer.cancel();
  }
}

async function jobsKnownTo(
  { network, log }: LocateComponents,
  peer: PeerId,
  computationId: Digest,
  { signal }: SignalOption,
): Promise<readonly Digest[]> {
  try {
    const body = encodeMessage({ t: 'known', computationId });
    const request = { timeoutMs: ASK_TIMEOUT_MS, ...(signal && { signal }) };
    const answer = decodeMessage(await network.request(peer, 'job', body, request), jobAnswerShape);
    return answer.ok && answer.value.t === 'known' ? answer.value.jobs : [];
  } catch (cause) {
    throwIfAborted(signal);
    log.log('debug', 'known-not-answered', { peer, cause: String(cause) });
    return [];
  }
}
