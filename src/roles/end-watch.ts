/**
 * Waits for the end of one plan, by whoever judges it: f + 1 members of its cadre, whoever sits in
 * it by then, or this node's own ledger where there is no cadre.
 */
import type { PeerId } from '../base/ids.ts';
import type { LedgerState } from '../job/ledger/ledger-state.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { CadreWatch, type CadreWatchComponents } from './cadre-watch.ts';
import type { JobNotice, Outcome } from './job-messages.ts';
import { JudgeList } from './judges.ts';
import { LocalJudge, type LocalJudgeComponents } from './local-judge.ts';
import { type BelievedOutcome, OutcomeVotes } from './outcome-votes.ts';

export type Ending = BelievedOutcome | LedgerState;

export type EndWatchComponents = LocalJudgeComponents &
  Pick<CadreWatchComponents, 'network' | 'clock'>;

export interface EndWatchInit {
  readonly plan: OpenPlan;
  readonly onProgress: (accepted: number) => void;
  /** A member lost its seat to another. */
  readonly onReplaced: (peer: PeerId) => void;
}

export class EndWatch {
  readonly judges: JudgeList;
  /** The requester as the judge; undefined with a cadre. */
  readonly judge: LocalJudge | undefined;
  readonly #components: EndWatchComponents;
  readonly #init: EndWatchInit;
  readonly #votes: OutcomeVotes;
  readonly #watch: CadreWatch;
  readonly #ending = Promise.withResolvers<Ending>();

  constructor(components: EndWatchComponents, init: EndWatchInit) {
    const { plan, onProgress } = init;
    this.#components = components;
    this.#init = init;
    this.judges = new JudgeList(plan);
    this.#votes = new OutcomeVotes(this.judges);
    const watching = {
      ...components,
      onLost: this.#ending.reject,
      onOutcome: (peer: PeerId, outcome: Outcome) => this.#outcome(peer, outcome),
      onProgress,
    };
    this.#watch = new CadreWatch(watching, plan, this.judges);
    const onEnd = this.#ending.resolve;
    this.judge = plan.seats.length === 0 ? new LocalJudge(components, { plan, onEnd }) : undefined;
  }

  /** `firstAskMs`: 0 where the job may have ended already. */
  start(firstAskMs: number | undefined): void {
    this.#watch.start(firstAskMs);
    this.judge?.start();
  }

  stop(): void {
    this.#watch.stop();
    this.judge?.stop();
  }

  /** Rejects with CADRE_LOST, or with the signal's reason. */
  async ended(signal: AbortSignal): Promise<Ending> {
    const give = () => this.#ending.reject(signal.reason);
    signal.addEventListener('abort', give, { once: true });
    if (signal.aborted) give();
    return this.#ending.promise;
  }

  /** Only judges are heard. */
  notice(from: PeerId, notice: JobNotice): void {
    if (!this.judges.has(from)) return;
    if (notice.t === 'progress') this.#init.onProgress(notice.accepted);
    if (notice.t === 'outcome') this.#outcome(from, notice.outcome);
    if (notice.t !== 'cadre') return;
    const gone = this.#votes.adopt(from, notice.links);
    if (!gone.ok) this.#components.network.penalise(from, gone.penalty, gone.reason);
    for (const peer of gone.ok ? gone.value : []) this.#init.onReplaced(peer);
  }

  #outcome(from: PeerId, outcome: Outcome): void {
    const believed = this.#votes.add(from, outcome);
    if (believed !== undefined) this.#ending.resolve(believed);
  }
}
