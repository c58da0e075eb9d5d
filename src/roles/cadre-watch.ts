/**
 * The requester's eye on a cadre that works without it: asks every member now and then, which also
 * makes a member that has ended say again how, and gives the job up when more members are gone than
 * the cadre tolerates (CADRE_LOST). Notices may be lost; questions are answered.
 */
import { KadreError } from '../base/errors.ts';
import type { PeerId } from '../base/ids.ts';
import type { Clock, Network, Timer } from '../base/ports.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { decodeMessage, encodeMessage, jobAnswerShape } from './job-messages.ts';
import { judgesOf } from './judges.ts';

export interface CadreWatchComponents {
  readonly network: Network;
  readonly clock: Clock;
  /** Called once, with CADRE_LOST. */
  readonly onLost: (error: KadreError) => void;
}

/** Members are asked this often: four small requests per job. */
const ASK_MS = 3_000;
const ASK_TIMEOUT_MS = 3_000;
/** Long enough for a member to restart from its log. */
const LOST_AFTER_MS = 20_000;

export class CadreWatch {
  readonly #components: CadreWatchComponents;
  readonly #plan: OpenPlan;
  readonly #stopping = new AbortController();
  /** Since when each member has not answered as one that holds its seat. */
  readonly #goneSinceMs = new Map<PeerId, number>();
  #timer: Timer | undefined;

  constructor(components: CadreWatchComponents, plan: OpenPlan) {
    this.#components = components;
    this.#plan = plan;
  }

  /** Nothing to watch without a cadre. */
  start(): void {
    if (this.#plan.seats.length > 0) this.#askLater();
  }

  stop(): void {
    this.#stopping.abort();
    this.#timer?.cancel();
  }

  #askLater(): void {
    this.#timer = this.#components.clock.setTimer(ASK_MS, () => void this.#askAll());
  }

  async #askAll(): Promise<void> {
    const { clock, onLost } = this.#components;
    await Promise.all(judgesOf(this.#plan).peers.map((peer) => this.#ask(peer)));
    if (this.#stopping.signal.aborted) return;
    const nowMs = clock.monotonicMs();
    const lost = [...this.#goneSinceMs].filter(([, sinceMs]) => nowMs - sinceMs >= LOST_AFTER_MS);
    const { seats, q } = this.#plan;
    if (lost.length <= seats.length - q) return this.#askLater();
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
    const { network, clock } = this.#components;
    const { signal } = this.#stopping;
    const body = encodeMessage({ t: 'ask', planId: this.#plan.planId });
    try {
      const options = { timeoutMs: ASK_TIMEOUT_MS, signal };
      const answer = decodeMessage(
        await network.request(peer, 'job', body, options),
        jobAnswerShape,
      );
      if (answer.ok && answer.value.t === 'ok') {
        this.#goneSinceMs.delete(peer);
        return;
      }
    } catch {
      // Unreachable, or refused by whoever runs there now: gone in either case.
    }
    if (!this.#goneSinceMs.has(peer)) this.#goneSinceMs.set(peer, clock.monotonicMs());
  }
}
