/** `--report`: a training as one picture, an SVG that needs nothing else. */

/** The model after so many rounds, on the coordinator's rows. */
export interface Measured {
  readonly rounds: number;
  /** Mean cross-entropy, nats. */
  readonly loss: number;
  readonly accuracy: number;
}

export interface ReportedRound {
  readonly round: number;
  readonly clients: number;
  readonly refused: number;
  readonly bytes: { readonly up: number; readonly dense: number };
}

export interface TrainingReport {
  readonly id: string;
  readonly title: string;
  /** Oldest first; empty when the coordinator has no rows. */
  readonly measured: readonly Measured[];
  readonly rounds: readonly ReportedRound[];
}

const WIDTH = 760;
const CHART = { width: 320, height: 180, top: 84 } as const;
const LEFT = 56;
const RIGHT = LEFT + CHART.width + 56;
const STYLE = [
  'text{font:12px system-ui,sans-serif;fill:#333}',
  '.title{font-size:15px;font-weight:600}',
  '.axis{stroke:#bbb;fill:none}',
  '.curve{stroke:#0b6bcb;stroke-width:2;fill:none}',
  '.bar{fill:#0b6bcb}',
].join('');

export function trainingReport(report: TrainingReport): string {
  const { measured, rounds } = report;
  const bottom = CHART.top + CHART.height;
  const charts =
    measured.length === 0
      ? [text(LEFT, CHART.top + 20, 'no rows to measure the model on')]
      : [...lossChart(measured), ...accuracyChart(measured)];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${bottom + 190}">`,
    `<style>${STYLE}</style><rect width="100%" height="100%" fill="#fff"/>`,
    text(LEFT, 28, report.title, { kind: 'title' }),
    text(LEFT, 48, `training ${report.id}`),
    ...charts,
    ...bytesChart(rounds, bottom + 60),
    '</svg>',
    '',
  ].join('\n');
}

function lossChart(measured: readonly Measured[]): string[] {
  const most = Math.max(...measured.map(({ loss }) => loss)) || 1;
  const points = measured.map(({ rounds, loss }) => ({ x: rounds, y: loss / most }));
  const last = measured.at(-1)!.loss;
  return chart(LEFT, `loss: ${last.toFixed(4)} nats`, most.toPrecision(3), points);
}

function accuracyChart(measured: readonly Measured[]): string[] {
  const points = measured.map(({ rounds, accuracy }) => ({ x: rounds, y: accuracy }));
  const last = 100 * measured.at(-1)!.accuracy;
  return chart(RIGHT, `right: ${last.toFixed(2)} %`, '100 %', points);
}

interface Point {
  /** Rounds. */
  readonly x: number;
  /** 0..1. */
  readonly y: number;
}

function chart(left: number, title: string, top: string, points: readonly Point[]): string[] {
  const { width, height } = CHART;
  const bottom = CHART.top + height;
  const [first, last] = [points[0]!.x, points.at(-1)!.x];
  const place = ({ x, y }: Point) => {
    const across = left + (width * (x - first)) / Math.max(1, last - first);
    return `${across.toFixed(1)},${(bottom - height * Math.min(1, Math.max(0, y))).toFixed(1)}`;
  };
  return [
    text(left, CHART.top - 10, title),
    `<path class="axis" d="M${left} ${CHART.top}V${bottom}H${left + width}"/>`,
    text(left - 6, CHART.top + 10, top, { anchor: 'end' }),
    text(left - 6, bottom, '0', { anchor: 'end' }),
    text(left, bottom + 16, `after ${first} rounds`),
    text(left + width, bottom + 16, `after ${last}`, { anchor: 'end' }),
    `<polyline class="curve" points="${points.map(place).join(' ')}"/>`,
  ];
}

/** What clients sent in every round, against what they would have in float32. */
function bytesChart(rounds: readonly ReportedRound[], top: number): string[] {
  const up = rounds.reduce((sum, { bytes }) => sum + bytes.up, 0);
  const dense = rounds.reduce((sum, { bytes }) => sum + bytes.dense, 0);
  const most = Math.max(1, ...rounds.map(({ bytes }) => bytes.up));
  const height = 60;
  const width = RIGHT + CHART.width - LEFT;
  const step = width / Math.max(1, rounds.length);
  const bars = rounds.map(({ round, clients, refused, bytes }, i) => {
    const tall = (height * bytes.up) / most;
    const at = `x="${(LEFT + i * step).toFixed(1)}" y="${(top + height - tall).toFixed(1)}"`;
    const size = `width="${Math.max(0.5, step * 0.8).toFixed(1)}" height="${tall.toFixed(1)}"`;
    const told = `round ${round + 1}: ${clients} clients, ${refused} refused, ${bytes.up} bytes up`;
    return `<rect class="bar" ${at} ${size}><title>${told}</title></rect>`;
  });
  const less = up === 0 ? '' : `, ${(dense / up).toFixed(1)} times less than float32`;
  return [
    text(LEFT, top - 10, `bytes sent up: ${up} in ${rounds.length} rounds${less}`),
    ...bars,
    text(LEFT, top + height + 24, 'Every round is certified: kadre verify says so offline.'),
  ];
}

interface TextStyle {
  readonly kind?: string;
  readonly anchor?: 'start' | 'end';
}

function text(x: number, y: number, words: string, style: TextStyle = {}): string {
  const { kind, anchor = 'start' } = style;
  const named = kind === undefined ? '' : ` class="${kind}"`;
  return `<text x="${x}" y="${y}" text-anchor="${anchor}"${named}>${escaped(words)}</text>`;
}

/** Model and codec are words of whoever began the training. */
function escaped(words: string): string {
  return words.replace(/[<>&"']/g, (one) => `&#${one.codePointAt(0)};`);
}
