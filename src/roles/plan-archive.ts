/**
 * Plans that have ended, kept for members that lag and requesters that ask again. Until it leaves
 * here a plan's log is what its certificate can always be made from; when it leaves, the
 * certificate is stored with what else a late asker needs, and the log removed. Plans leave by age,
 * and in batches when there are many, so that a node under load pays one write for dozens of them.
 */
import { toHex } from '../base/bytes.ts';
import type { Clock, Logger, Timer } from '../base/ports.ts';
import type { PlanStore } from '../store/plan-store.ts';
import type { CadreMember } from './cadre-member.ts';
import type { EndedPlans } from './ended-plans.ts';

export interface PlanArchiveComponents {
  readonly clock: Clock;
  readonly log: Logger;
  readonly ended: EndedPlans;
  readonly store: PlanStore;
}

export interface PlanArchiveInit {
  /** How long an ended plan is kept. */
  readonly keepMs: number;
  /** Ended plans kept at most; a quarter of them leave when there are more. */
  readonly plansMax: number;
  /** Ends a plan's replica and closes its log. */
  readonly retire: (member: CadreMember) => Promise<void>;
}

interface Entry {
  readonly member: CadreMember;
  readonly endedMs: number;
}

export class PlanArchive {
  readonly #components: PlanArchiveComponents;
  readonly #init: PlanArchiveInit;
  /** Oldest first. */
  #entries: Entry[] = [];
  #timer: Timer | undefined;
  #leaving: Promise<void> = Promise.resolve();

  constructor(components: PlanArchiveComponents, init: PlanArchiveInit) {
    this.#components = components;
    this.#init = init;
  }

  add(member: CadreMember): void {
    this.#entries.push({ member, endedMs: this.#components.clock.monotonicMs() });
    const { plansMax } = this.#init;
    if (this.#entries.length > plansMax) this.#let(Math.ceil(plansMax / 4));
    this.#schedule();
  }

  /** What is being stored is finished; the rest stays in the logs for the next start. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    await this.#leaving;
  }

  #schedule(): void {
    this.#timer?.cancel();
    const oldest = this.#entries[0];
    if (oldest === undefined) return;
    const { clock } = this.#components;
    const dueMs = oldest.endedMs + this.#init.keepMs;
    this.#timer = clock.setTimer(dueMs - clock.monotonicMs(), () => {
      const nowMs = clock.monotonicMs();
      this.#let(this.#entries.filter(({ endedMs }) => endedMs + this.#init.keepMs <= nowMs).length);
      this.#schedule();
    });
  }

  /** The oldest leave, after those that are leaving already. */
  #let(count: number): void {
    const members = this.#entries.splice(0, count).map(({ member }) => member);
    this.#leaving = this.#leaving.then(() => this.#leave(members));
  }

  async #leave(members: readonly CadreMember[]): Promise<void> {
    const { ended, store, log } = this.#components;
    try {
      await ended.add(members);
    } catch (cause) {
      // Their logs stay: the next start takes these plans up again.
      log.log('error', 'certificates-not-stored', { plans: members.length, cause: String(cause) });
      return;
    }
    for (const member of members) {
      const { planId } = member.plan;
      try {
        await this.#init.retire(member);
        await store.remove(planId);
      } catch (cause) {
        log.log('warn', 'plan-not-removed', { planId: toHex(planId), cause: String(cause) });
      }
    }
  }
}
