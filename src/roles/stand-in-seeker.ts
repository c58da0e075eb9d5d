/**
 * Finds somebody for a silent member's seat: the next of the plan's own ranks that takes it, or one
 * that others speak for already, and puts our word for it before the cadre. f + 1 equal words end
 * the epoch, so no single member chooses who judges.
 */

import { toHex } from '../base/bytes.ts';
import { type PeerId, peerIdOf } from '../base/ids.ts';
import type { Clock, Logger, Network } from '../base/ports.ts';
import type { EpochLink } from '../certificate/epochs.ts';
import { standInProblem, standInsLeft } from '../job/cadre.ts';
import type { LedgerState } from '../job/ledger/ledger-state.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import type { CadreEntry } from '../job/plan.ts';
import { decodeMessage, encodeMessage, jobAnswerShape } from './job-messages.ts';

export interface StandInSeekerComponents {
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Logger;
  /** The final ledger of now. */
  readonly ledger: () => LedgerState;
  readonly links: () => readonly EpochLink[];
  /** Our word for this entry, to be committed. */
  readonly vouch: (entry: CadreEntry) => void;
}

export interface StandInSeekerInit {
  readonly plan: OpenPlan;
  readonly seat: number;
  readonly detached: boolean;
}

/** After a word that did not suffice, how long the others have to agree. */
const AGAIN_MS = 10_000;
const ASK_TIMEOUT_MS = 3_000;

export class StandInSeeker {
  readonly #components: StandInSeekerComponents;
  readonly #init: StandInSeekerInit;
  readonly #stopping = new AbortController();
  #nextMs = 0;
  #isSeeking = false;

  constructor(components: StandInSeekerComponents, init: StandInSeekerInit) {
    this.#components = components;
    this.#init = init;
  }

  /** One seat at a time: the epoch that its stand-in begins looks at the others anew. */
  seek(silent: number): void {
    const { clock, log } = this.#components;
    if (this.#isSeeking || clock.monotonicMs() < this.#nextMs) return;
    this.#isSeeking = true;
    this.#find(silent)
      .catch((cause: unknown) => log.log('debug', 'no-stand-in', { cause: String(cause) }))
      .finally(() => {
        this.#isSeeking = false;
        this.#nextMs = clock.monotonicMs() + AGAIN_MS;
      });
  }

  stop(): void {
    this.#stopping.abort();
  }

  async #find(silent: number): Promise<void> {
    const { log, vouch } = this.#components;
    for (const index of this.#candidates()) {
      const peer = peerIdOf(this.#init.plan.nodes[index]!);
      const entry = await this.#ask(silent, peer);
      if (this.#stopping.signal.aborted) return;
      if (typeof entry === 'string') {
        log.log('debug', 'stand-in-refused', { peer, reason: entry });
        continue;
      }
      log.log('info', 'stand-in-found', { seat: silent, peer });
      vouch(entry);
      return;
    }
  }

  /** Whom most others speak for first, then by rank; nobody that we spoke for before. */
  #candidates(): number[] {
    const { plan, seat } = this.#init;
    const { standIns, vouchers } = this.#components.ledger();
    const wordsFor = (index: number) => {
      const node = toHex(plan.nodes[index]!);
      return vouchers.filter((given) => given.node === node);
    };
    return standInsLeft(plan, standIns)
      .filter((index) => wordsFor(index).every((given) => given.seat !== seat))
      .sort((a, b) => wordsFor(b).length - wordsFor(a).length);
  }

  /** The entry, or why this node does not take the seat. */
  async #ask(seat: number, peer: PeerId): Promise<CadreEntry | string> {
    const { network, links } = this.#components;
    const { plan, detached } = this.#init;
    const { signal } = this.#stopping;
    const order = { seat, detached, package: plan.package, links: [...links()] };
    const body = encodeMessage({ t: 'stand-in', ...order });
    let bytes: Uint8Array;
    try {
      bytes = await network.request(peer, 'job', body, { timeoutMs: ASK_TIMEOUT_MS, signal });
    } catch (cause) {
      return String(cause);
    }
    const answer = decodeMessage(bytes, jobAnswerShape);
    if (!answer.ok) return answer.reason;
    if (answer.value.t === 'refused') return answer.value.reason;
    if (answer.value.t !== 'entry') return 'unexpected answer';
    const { entry } = answer.value;
    if (entry.seat !== seat || peerIdOf(entry.node) !== peer) return 'entry of another';
    return standInProblem(plan, entry)?.reason ?? entry;
  }
}
