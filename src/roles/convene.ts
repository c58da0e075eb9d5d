/**
 * Seats a cadre: asks the first n candidates of the rendezvous order, each for a key made for this
 * plan, and puts the next rank into a seat whose candidate cannot be reached (job.md section 2).
 */

import { equalBytes } from '../base/bytes.ts';
import { asKadreError, KadreError } from '../base/errors.ts';
import { type Digest, type NodeId, peerIdOf } from '../base/ids.ts';
import type { Network, SignalOption } from '../base/ports.ts';
import { isAdmissibleKey } from '../crypto/portable/ed25519.ts';
import { isSignedBy } from '../crypto/portable/signed.ts';
import { type CadreEntry, cadreEntryBody, type PlanPackage } from '../job/plan.ts';
import { windowOf } from '../swarm/cadre-order.ts';
import { TAGS } from '../wire/tags.ts';
import { decodeMessage, encodeMessage, jobAnswerShape } from './job-messages.ts';

export interface ConveneInit {
  readonly planId: Digest;
  readonly draft: PlanPackage;
  /** Cadre-capable nodes by rank. */
  readonly order: readonly NodeId[];
  readonly seats: number;
  /** A candidate that has not answered by then counts as unreachable. */
  readonly timeoutMs: number;
}

export interface Convened {
  /** By seat number. */
  readonly entries: readonly CadreEntry[];
  readonly skipped: readonly number[];
  /** Why each skipped rank was skipped, for the events. */
  readonly reasons: readonly string[];
}

/** Errors: CADRE_REFUSED when the window holds too few candidates that accept. */
export async function convene(
  components: { readonly network: Network },
  init: ConveneInit,
  options: SignalOption = {},
): Promise<Convened> {
  const { order, seats } = init;
  const last = Math.min(windowOf(seats), order.length);
  let nextRank = Math.min(seats, last);
  const skipped: { rank: number; reason: string }[] = [];
  const fill = async (seat: number, firstRank: number): Promise<CadreEntry> => {
    for (let rank = firstRank; ; ) {
      const outcome = await askForSeat(components, init, { seat, node: order[rank]! }, options);
      if (typeof outcome !== 'string') return outcome;
      skipped.push({ rank, reason: `${peerIdOf(order[rank]!)}: ${outcome}` });
      if (nextRank >= last) throw notSeated(init, skipped);
      rank = nextRank;
      nextRank += 1;
    }
  };
  if (last < seats) throw notSeated(init, skipped);
  const entries = await Promise.all(Array.from({ length: seats }, (_, seat) => fill(seat, seat)));
  skipped.sort((a, b) => a.rank - b.rank);
  return {
    entries,
    skipped: skipped.map(({ rank }) => rank),
    reasons: skipped.map(({ reason }) => reason),
  };
}

/** The signed entry, or why this candidate does not take the seat. */
async function askForSeat(
  { network }: { readonly network: Network },
  init: ConveneInit,
  wanted: { readonly seat: number; readonly node: NodeId },
  options: SignalOption,
): Promise<CadreEntry | string> {
  const { planId, draft, timeoutMs } = init;
  const body = encodeMessage({ t: 'convene', seat: wanted.seat, package: draft });
  let bytes: Uint8Array;
  try {
    const request = { timeoutMs, signal: options.signal };
    bytes = await network.request(peerIdOf(wanted.node), 'job', body, request);
  } catch (cause) {
    if (options.signal?.aborted) throw cause;
    return asKadreError(cause, 'PEER_UNREACHABLE', 'no answer').message;
  }
  const answer = decodeMessage(bytes, jobAnswerShape);
  if (!answer.ok) return answer.reason;
  if (answer.value.t === 'refused') return answer.value.reason;
  if (answer.value.t !== 'entry') return 'unexpected answer';
  const { entry } = answer.value;
  const isRight =
    entry.seat === wanted.seat &&
    equalBytes(entry.node, wanted.node) &&
    isAdmissibleKey(entry.key) &&
    isSignedBy(
      entry.node,
      TAGS.signCadreEntry,
      cadreEntryBody(planId, entry.seat, entry.key),
      entry.signature,
    );
  return isRight ? entry : 'invalid cadre entry';
}

function notSeated(
  { seats, order }: ConveneInit,
  skipped: readonly { rank: number; reason: string }[],
): KadreError {
  const reasons = skipped.map(({ reason }) => reason);
  return new KadreError(
    { code: 'CADRE_REFUSED', data: { seats, candidates: order.length, reasons } },
    `no cadre of ${seats} among ${order.length} candidates: ${reasons.join('; ') || 'too few'}`,
  );
}
