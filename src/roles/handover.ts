/**
 * How a member that missed the end of an epoch, or a stand-in that was not there, comes to the
 * newest one: links that prove the cadre, and the ledger's history up to where it began. Any member
 * has both; nothing of it is believed (docs/protocol/ledger.md, "Epochs").
 */
import { concatBytes } from '../base/bytes.ts';
import { KadreError } from '../base/errors.ts';
import type { Digest, PeerId } from '../base/ids.ts';
import type { Clock, Network, SignalOption } from '../base/ports.ts';
import { sleep } from '../base/signals.ts';
import { accept, type Checked, type Refusal, refuse } from '../base/verdict.ts';
import {
  checkVotes,
  type EndedEpoch,
  type EpochLink,
  followEpochs,
} from '../certificate/epochs.ts';
import { sameRoots } from '../consensus/roots.ts';
import { type Cadre, standInProblem, wasSeated } from '../job/cadre.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import type { StoredHandover } from '../store/plan-store.ts';
import {
  decodeMessage,
  encodeMessage,
  HANDOVER_CHUNK_BYTES,
  jobAnswerShape,
} from './job-messages.ts';
import type { EpochStart } from './ledger-application.ts';
import { ledgerSnapshots } from './ledger-snapshots.ts';

/** A handover that was checked. */
export interface OpenedHandover extends StoredHandover {
  readonly cadre: Cadre;
  readonly start: EpochStart;
}

/** What links prove, without the state. */
export interface OpenedLinks {
  readonly cadre: Cadre;
  readonly last: EndedEpoch;
}

/**
 * Every stand-in was fit for its seat and a quorum of each cadre signed for the next. Reasons:
 * those of `standInProblem`, `followEpochs` and `checkVotes`, `seated-before`, `no-links`.
 */
export function openLinks(plan: OpenPlan, links: readonly EpochLink[]): Checked<OpenedLinks> {
  const standIns = links.map(({ entry }) => entry);
  for (const [i, entry] of standIns.entries()) {
    const problem = standInProblem(plan, entry);
    if (problem !== undefined) return problem;
    if (wasSeated(plan, standIns.slice(0, i), entry)) return refuse('seated-before');
  }
  const chain = followEpochs(plan.seats, links);
  if (!chain.ok) return chain;
  const { ended, last } = chain.value;
  for (const epoch of ended) {
    const forged: Refusal | undefined = checkVotes(plan.planId, epoch);
    if (forged !== undefined) return forged;
  }
  const newest = ended.at(-1);
  return newest === undefined ? refuse('no-links') : accept({ cadre: last, last: newest });
}

/** Reasons: those of `openLinks` and of the history, `history-of-other-state`. */
export async function openHandover(
  plan: OpenPlan,
  { links, history }: StoredHandover,
  clock: Clock,
): Promise<Checked<OpenedHandover>> {
  const opened = openLinks(plan, links);
  if (!opened.ok) return opened;
  const { cadre, last } = opened.value;
  const pause = () => sleep(clock, 0);
  const executed = await ledgerSnapshots(plan, last.epoch).decode(history, pause);
  if (!executed.ok) return executed;
  if (!sameRoots(executed.value, last.commit)) return refuse('history-of-other-state');
  const start = { epoch: cadre.epoch, state: executed.value.state };
  return accept({ links, history, cadre, start });
}

const TIMEOUT_MS = 5_000;
/** For all of it: whoever drips must not keep us from the others. */
const WHOLE_MS = 60_000;

/** The answer to one question for it. */
export function handoverAnswer({ links, history }: StoredHandover, offset: number): Uint8Array {
  const bytes = history.subarray(offset, offset + HANDOVER_CHUNK_BYTES);
  const shown = offset === 0 ? links : [];
  return encodeMessage({ t: 'handover', links: [...shown], total: history.length, bytes });
}

/** From one member. Errors: PEER_MISBEHAVED, TIMEOUT, and whatever a request fails with. */
export async function fetchHandover(
  { network, clock }: { readonly network: Network; readonly clock: Clock },
  peer: PeerId,
  planId: Digest,
  { signal }: SignalOption,
): Promise<StoredHandover> {
  const parts: Uint8Array[] = [];
  let links: readonly EpochLink[] = [];
  let total = 1;
  const deadlineMs = clock.monotonicMs() + WHOLE_MS;
  for (let offset = 0; offset < total; ) {
    if (clock.monotonicMs() > deadlineMs)
      throw new KadreError({ code: 'TIMEOUT', peer }, 'handover');
    const body = encodeMessage({ t: 'handover', planId, offset });
    const bytes = await network.request(peer, 'job', body, { timeoutMs: TIMEOUT_MS, signal });
    const answer = decodeMessage(bytes, jobAnswerShape);
    if (!answer.ok || answer.value.t !== 'handover') throw misbehaved(peer, 'no handover');
    const { value } = answer;
    if (offset === 0) ({ links, total } = value);
    // Another total: it has come to a later epoch meanwhile, and is asked anew next time.
    const wanted = Math.min(HANDOVER_CHUNK_BYTES, total - offset);
    if (value.total !== total || value.bytes.length !== wanted) {
      throw misbehaved(peer, 'a handover in pieces that do not fit');
    }
    parts.push(value.bytes);
    offset += value.bytes.length;
  }
  return { links, history: concatBytes(parts) };
}

function misbehaved(peer: PeerId, why: string): KadreError {
  return new KadreError({ code: 'PEER_MISBEHAVED', peer }, `answered with ${why}`);
}
