/** How a training goes, round by round: drawn as it goes, and remembered for its report. */
import type { TrainedRound, Training } from '../../../src/sdk/train.ts';
import type { TextSink } from '../../cli/output.ts';
import { LivePlot } from './live-plot.ts';
import type { Measured, ReportedRound } from './training-report.ts';

export class Course {
  readonly #plot: LivePlot;
  readonly #before: Pick<Training, 'accuracy' | 'loss'>;
  readonly measured: Measured[] = [];
  readonly rounds: ReportedRound[] = [];

  /** Made before its first round here. */
  constructor(terminal: TextSink, { accuracy, loss }: Pick<Training, 'accuracy' | 'loss'>) {
    this.#plot = new LivePlot(terminal);
    this.#before = { accuracy, loss };
  }

  /** `tell` prints the round's own lines, which stay above the plot. */
  take(round: TrainedRound, tell: () => void): void {
    const { clients, refused, bytes } = round;
    this.#plot.clear();
    tell();
    if (this.rounds.length === 0) this.#measure(round.round, this.#before);
    this.#measure(round.round + 1, round);
    const counts = { clients: clients.length, refused: refused.length };
    this.rounds.push({ round: round.round, ...counts, bytes });
    this.#plot.show(this.measured);
  }

  #measure(rounds: number, { accuracy, loss }: Pick<Training, 'accuracy' | 'loss'>): void {
    if (accuracy === undefined || loss === undefined) return;
    this.measured.push({ rounds, accuracy, loss });
  }
}
