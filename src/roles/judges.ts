/**
 * Who judges a plan: the members of its cadre, or the requester alone when the cadre is off. One
 * place for "send this record to all of them, and again until it is taken".
 */
import { type Digest, type PeerId, peerIdOf } from '../base/ids.ts';
import type { Clock, Network } from '../base/ports.ts';
import { sleep } from '../base/signals.ts';
import { accept, type Checked, refuse } from '../base/verdict.ts';
import type { EpochLink } from '../certificate/epochs.ts';
import { type CheckedRecord, checkRecord } from '../job/ledger/check-record.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import type { CadreEntry } from '../job/plan.ts';
import { openLinks } from './handover.ts';
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

/** Who judges a plan now: a seat changes hands when its member falls silent. */
export class JudgeList implements Judges {
  readonly plan: OpenPlan;
  #judges: Judges;
  #epoch = 0;

  constructor(plan: OpenPlan) {
    this.plan = plan;
    this.#judges = judgesOf(plan);
  }

  get peers(): readonly PeerId[] {
    return this.#judges.peers;
  }

  get believed(): number {
    return this.#judges.believed;
  }

  get planId(): Digest {
    return this.plan.planId;
  }

  has(peer: PeerId): boolean {
    return this.#judges.peers.includes(peer);
  }

  /**
   * Takes a judge's proof of a newer cadre; the judges that are none any more. Reasons: those of
   * `openLinks`, `not-a-judge`.
   */
  adopt(from: PeerId, links: readonly EpochLink[]): Checked<readonly PeerId[]> {
    if (!this.has(from)) return refuse('not-a-judge', 'ignore');
    if (links.length <= this.#epoch) return accept([]);
    const opened = openLinks(this.plan, links);
    if (!opened.ok) return opened;
    const { epoch, seats } = opened.value.cadre;
    const peers = seats.map(({ node }) => peerIdOf(node));
    const gone = this.peers.filter((peer) => !peers.includes(peer));
    this.#epoch = epoch;
    this.#judges = { peers, believed: this.believed };
    return accept(gone);
  }
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
  seats: readonly CadreEntry[] = plan.seats,
): Checked<CheckedRecord> {
  const checked = checkRecord(plan, bytes, seats);
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
  { planId, peers }: { readonly planId: Digest } & Pick<Judges, 'peers'>,
  record: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const body = encodeMessage({ t: 'record', planId, record });
  await Promise.allSettled(peers.map((peer) => sendToOne(components, peer, body, signal)));
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
