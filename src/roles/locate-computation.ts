/**
 * From a computation to certified jobs of it, whoever submitted them: cadre members announce what
 * they judged in the directory, and say which jobs that were (docs/protocol/job-messages.md,
 * "known"). Only peers that the caller named are asked, because only their word is worth anything.
 */
import { equalBytes, toHex } from '../base/bytes.ts';
import type { Digest, PeerId } from '../base/ids.ts';
import type { SignalOption } from '../base/ports.ts';
import { anySignal, sleep, throwIfAborted } from '../base/signals.ts';
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
/** Until then somebody to ask has been found: the look must cost less than most jobs. */
const PATIENCE_MS = 3_000;
const PAUSE_MS = 100;

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

/**
 * Connected members first: they need no directory. Who has only just joined finds nobody yet, and
 * looks again for a while.
 */
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
  const timeout = new AbortController();
  const timer = clock.setTimer(PATIENCE_MS, () => timeout.abort());
  const patience = { signal: anySignal(signal, timeout.signal) };
  try {
    const name = computationClass(toHex(computationId));
    for (;;) {
      yield* network.connectedPeers().filter(isNew);
      for await (const hint of directory.find(name, { ...patience, max: PEERS_MAX })) {
        if (!isNew(hint.peer)) continue;
        await network.addAddresses(hint.peer, hint.addresses);
        yield hint.peer;
      }
      if (asked.size > 1) return;
      await sleep(clock, PAUSE_MS, patience);
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
