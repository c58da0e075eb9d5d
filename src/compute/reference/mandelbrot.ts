/**
 * `mandelbrot@1` by its page (docs/protocol/kernels/mandelbrot.md): binary64 is JavaScript's own
 * arithmetic, so this is the definition itself.
 */

/** Steps between two pauses: some ten milliseconds. */
const STEP_WORK = 8_000_000;

export interface MandelbrotRows {
  readonly firstRow: number;
  readonly rows: number;
  readonly x: number;
  readonly y: number;
  readonly span: number;
  readonly width: number;
  readonly height: number;
  readonly maxIterations: number;
}

/** `counts`: rows x width. */
export function* mandelbrotSteps(view: MandelbrotRows, counts: Uint32Array): Generator<void> {
  const { x, y, span, width, height, maxIterations } = view;
  const step = span / width;
  let work = 0;
  for (let row = 0; row < view.rows; row++) {
    const imaginary = y + (height * 0.5 - (view.firstRow + row) - 0.5) * step;
    for (let column = 0; column < width; column++) {
      const real = x + (column + 0.5 - width * 0.5) * step;
      const count = iterationsOf(real, imaginary, maxIterations);
      counts[row * width + column] = count;
      work += count;
      if (work < STEP_WORK) continue;
      work = 0;
      yield;
    }
  }
}

/** Steps of z := z^2 + c from 0 that begin with |z|^2 <= 4. */
function iterationsOf(cx: number, cy: number, maxIterations: number): number {
  let x = 0;
  let y = 0;
  for (let n = 0; n < maxIterations; n++) {
    const xx = x * x;
    const yy = y * y;
    if (!(xx + yy <= 4)) return n;
    const xy = x * y;
    y = xy + xy + cy;
    x = xx - yy + cx;
  }
  return maxIterations;
}
