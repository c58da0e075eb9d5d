/** One line of progress on stderr, redrawn in place; silent when stderr is no terminal. */
import type { TextSink } from './output.ts';

const BAR_CELLS = 24;

export class ProgressBar {
  readonly #sink: TextSink;
  #last = '';

  constructor(sink: TextSink) {
    this.#sink = sink;
  }

  /** `total` 0 shows the label alone. */
  show(label: string, done = 0, total = 0): void {
    if (!this.#sink.isTTY) return;
    const filled = total === 0 ? 0 : Math.floor((BAR_CELLS * done) / total);
    const bar = '━'.repeat(filled) + '╌'.repeat(BAR_CELLS - filled);
    const line = total === 0 ? label : `${label} ${bar} ${done}/${total}`;
    const fitted = line.slice(0, (this.#sink.columns ?? 80) - 1);
    if (fitted === this.#last) return;
    this.#last = fitted;
    this.#sink.write(`\r\u001b[K${fitted}`);
  }

  /** Removes the line, so that what follows starts clean. */
  clear(): void {
    if (this.#last !== '') this.#sink.write('\r\u001b[K');
    this.#last = '';
  }
}
