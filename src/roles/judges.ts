/**
 * Who judges a plan: the members of its cadre, or the requester alone when the cadre is off. One
 * place for "send this record to all of them, and again until it is taken".
 */
import { type PeerId, peerIdOf } from '../base/ids.ts';
import type { Clock, Network } from '../base/ports.ts';
import { sleep } from '../base/signals.ts';
import { type Checked, refuse } from '../base/verdict.ts';
import { type CheckedRecord, checkRecord } from '../job/ledger/check-record.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { encodeMessage } from './job-messages.ts';

export interface Judges {
  readonly peers: readonly PeerId[];
  /** Equal statements that are believed: f + 1. */
  readonly believed: number;
}

export function judgesOf(plan: OpenPlan): Judges {
  if (plan.seats.length === 0) return { peers: [peerIdOf(plan.spec.requester)], believed: 1 };
  return { peers: plan.seats.map((seat) => peerIdOf(seat.node)), believed: plan.f + 1 };
}

/**
 * Judges a record that a peer sent. A reveal carries no signature, so it counts only from the
 * worker it is of: anybody else could fill the judges' memory with made-up ones. Reasons: those of
 * `checkRecord`, and `not-the-worker`.
 */
export function checkSentRecord(
  plan: OpenPlan,
  from: PeerId,
  bytes: Uint8Array,
): Checked<CheckedRecord> {
  const checked = checkRecord(plan, bytes);
  if (!checked.ok || checked.value.kind !== 'reveal') return checked;
  return from === peerIdOf(checked.value.record.worker) ? checked : refuse('not-the-worker');
}

/** Attempts per judge; a judge that is away longer gets the record with the next re-send. */
const ATTEMPTS_MAX = 3;
const RETRY_MS = 300;
const TIMEOUT_MS = 5_000;

/** Hands a record to every judge; resolves when each took it or was given up on. */
export async function sendRecord(
  components: { readonly network: Network; readonly clock: Clock },
  plan: OpenPlan,
  record: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const body = encodeMessage({ t: 'record', planId: plan.planId, record });
  await Promise.allSettled(
    judgesOf(plan).peers.map((peer) => sendToOne(components, peer, body, signal)),
  );
}

async function sendToOne(
  { network, clock }: { readonly network: Network; readonly clock: Clock },
  peer: PeerId,
  body: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await network.request(peer, 'job', body, { signal, timeoutMs: TIMEOUT_MS });
      return;
    } catch (cause) {
      if (attempt >= ATTEMPTS_MAX || signal.aborted) throw cause;
      await sleep(clock, RETRY_MS * attempt, { signal });
    }
  }
}
