/**
 * Somebody's eye on a cadre that works without him: asks every member now and then what it knows of
 * the job, which brings progress and outcome to whoever missed the notices, and gives the job up
 * when more members are gone than the cadre tolerates (CADRE_LOST).
 */
import { equalBytes } from '../base/bytes.ts';
import { KadreError } from '../base/errors.ts';
import type { PeerId } from '../base/ids.ts';
import type { Clock, Network, Timer } from '../base/ports.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { decodeMessage, encodeMessage, jobAnswerShape, type Outcome } from './job-messages.ts';
import type { Judges } from './judges.ts';

export interface CadreWatchComponents {
  readonly network: Network;
  readonly clock: Clock;
  /** Called once, with CADRE_LOST. */
  readonly onLost: (error: KadreError) => void;
  /** One member's word for how the job ended. */
  readonly onOutcome: (peer: PeerId, outcome: Outcome) => void;
  /** One member's word for how far it is. */
  readonly onProgress: (accepted: number) => void;
}

/** Members are asked this often: four small requests per job. */
const ASK_MS = 3_000;
const ASK_TIMEOUT_MS = 3_000;
/** Long enough for a member to restart from its log. */
const LOST_AFTER_MS = 20_000;

export class CadreWatch {
  readonly #components: CadreWatchComponents;
  readonly #plan: OpenPlan;
  readonly #judges: Judges;
  readonly #stopping = new AbortController();
  /** Since when each member has not answered as one that holds its seat. */
  readonly #goneSinceMs = new Map<PeerId, number>();
  #timer: Timer | undefined;

  /** `judges`: those of now, whenever it is looked at. */
  constructor(components: CadreWatchComponents, plan: OpenPlan, judges: Judges) {
    this.#components = components;
    this.#plan = plan;
    this.#judges = judges;
  }

  /** Nothing to watch without a cadre. `firstAskMs`: 0 where the job may have ended already. */
  start(firstAskMs = ASK_MS): void {
    if (this.#plan.seats.length > 0) this.#askLater(firstAskMs);
  }

  stop(): void {
    this.#stopping.abort();
    this.#timer?.cancel();
  }

  #askLater(delayMs: number): void {
    this.#timer = this.#components.clock.setTimer(delayMs, () => void this.#askAll());
  }

  async #askAll(): Promise<void> {
    const { clock, onLost } = this.#components;
    const { peers } = this.#judges;
    await Promise.all(peers.map((peer) => this.#ask(peer)));
    if (this.#stopping.signal.aborted) return;
    const nowMs = clock.monotonicMs();
    const lost = [...this.#goneSinceMs].filter(
      ([peer, sinceMs]) => nowMs - sinceMs >= LOST_AFTER_MS && this.#judges.peers.includes(peer),
    );
    const { seats, q } = this.#plan;
    if (lost.length <= seats.length - q) return this.#askLater(ASK_MS);
    this.stop();
    const members = lost.map(([peer]) => peer);
    onLost(
      new KadreError(
        { code: 'CADRE_LOST', data: { members, seats: seats.length, quorum: q } },
        `${members.length} of ${seats.length} cadre members are gone: ${members.join(', ')}`,
      ),
    );
  }

  async #ask(peer: PeerId): Promise<void> {
    const { network, clock, onOutcome, onProgress } = this.#components;
    const { signal } = this.#stopping;
    const { jobId, planId } = this.#plan;
    const body = encodeMessage({ t: 'find', jobId, plan: false });
    try {
      const options = { timeoutMs: ASK_TIMEOUT_MS, signal };
      const answer = decodeMessage(
        await network.request(peer, 'job', body, options),
        jobAnswerShape,
      );
      if (answer.ok && answer.value.t === 'job' && equalBytes(answer.value.planId, planId)) {
        this.#goneSinceMs.delete(peer);
        onProgress(answer.value.accepted);
        if (answer.value.outcome !== undefined) onOutcome(peer, answer.value.outcome);
        return;
      }
    } catch {
      // Unreachable, or refused by whoever runs there now: gone in either case.
    }
    if (!this.#goneSinceMs.has(peer)) this.#goneSinceMs.set(peer, clock.monotonicMs());
  }
}
