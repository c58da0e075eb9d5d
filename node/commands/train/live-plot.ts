/** Loss and accuracy of a training, redrawn below its lines; silent where there is no terminal. */
import type { TextSink } from '../../cli/output.ts';
import { curveLines } from './curve.ts';
import type { Measured } from './training-report.ts';

const ROWS = 5;
const COLUMNS_MAX = 34;

export class LivePlot {
  readonly #sink: TextSink;
  #lines = 0;

  constructor(sink: TextSink) {
    this.#sink = sink;
  }

  show(measured: readonly Measured[]): void {
    if (!this.#sink.isTTY || measured.length < 2) return;
    this.clear();
    const lines = plotLines(measured, this.#sink.columns ?? 80);
    this.#sink.write(`${lines.join('\n')}\n`);
    this.#lines = lines.length;
  }

  /** Removes the plot, so that what follows takes its place. */
  clear(): void {
    if (this.#lines > 0) this.#sink.write(`\u001b[${this.#lines}A\r\u001b[J`);
    this.#lines = 0;
  }
}

/** Two curves side by side under their titles, at most `columns` wide. */
export function plotLines(measured: readonly Measured[], columns: number): string[] {
  const width = Math.max(8, Math.min(COLUMNS_MAX, Math.floor((columns - 5) / 2)));
  const losses = measured.map(({ loss }) => loss);
  const accuracies = measured.map(({ accuracy }) => accuracy);
  const size = { columns: width, rows: ROWS };
  const loss = curveLines(losses, { ...size, from: 0, to: Math.max(...losses) });
  const accuracy = curveLines(accuracies, { ...size, from: 0, to: 1 });
  const [lastLoss, lastAccuracy] = [losses.at(-1)!, accuracies.at(-1)!];
  const titles = [`loss ${lastLoss.toFixed(3)}`, `right ${(100 * lastAccuracy).toFixed(1)} %`];
  const row = (left: string, right: string) => `  ${left.padEnd(width)} ${right}`.trimEnd();
  return [row(titles[0]!, titles[1]!), ...loss.map((line, i) => row(line, accuracy[i]!))];
}
