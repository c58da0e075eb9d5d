/** What the demo makes of `mandelbrot@1`: colours for its counts, and a check of them. */
import type { NdArray } from '../../src/kernel/nd-array.ts';
import type { Picture } from './png.ts';

export interface View {
  readonly x: number;
  readonly y: number;
  readonly span: number;
  readonly width: number;
  readonly height: number;
  readonly maxIterations: number;
}

/** Steps of the count from one colour to the same colour again. */
const PERIOD = 64;
/** Where red, green and blue stand in the period: from blue over white to brown. */
const PHASES = [0.05, 0.12, 0.25] as const;

/** Black inside the set; outside colours that repeat, slower where counts grow faster. */
export function colourCounts(counts: NdArray, maxIterations: number): Picture {
  const [height = 0, width = 0] = counts.shape;
  const rgb = new Uint8Array(3 * width * height);
  for (let at = 0; at < width * height; at++) {
    const count = Number(counts.data[at]);
    if (count === maxIterations) continue;
    const turn = (8 * Math.sqrt(count)) / PERIOD;
    for (const [channel, phase] of PHASES.entries()) {
      rgb[3 * at + channel] = Math.round(127.5 - 127.5 * Math.cos(2 * Math.PI * (turn + phase)));
    }
  }
  return { width, height, rgb };
}

/**
 * Computes `samples` pixels again by the definition, and names the first that is another. Sums and
 * products of doubles, each rounded: the kernel's contract, so equality and no tolerance.
 */
export function findWrongPixel(counts: NdArray, view: View, samples: number): string | undefined {
  const { width, height, maxIterations } = view;
  if (counts.shape[0] !== height || counts.shape[1] !== width) return 'the shape';
  const step = view.span / width;
  for (let sample = 0; sample < samples; sample++) {
    const at = Math.floor((sample * width * height) / samples) + (sample % width);
    const place = at % (width * height);
    const [row, column] = [Math.floor(place / width), place % width];
    const cx = view.x + (column + 0.5 - width * 0.5) * step;
    const cy = view.y + (height * 0.5 - row - 0.5) * step;
    if (counts.data[place] !== stepsOf(cx, cy, maxIterations)) return `pixel [${row}, ${column}]`;
  }
  return undefined;
}

function stepsOf(cx: number, cy: number, maxIterations: number): number {
  let [x, y] = [0, 0];
  for (let count = 0; count < maxIterations; count++) {
    if (!(x * x + y * y <= 4)) return count;
    [x, y] = [x * x - y * y + cx, x * y + x * y + cy];
  }
  return maxIterations;
}
