/**
 * The standard normal quantile, as the ALIE attack needs it: bisection on the error function of
 * Abramowitz and Stegun 7.1.26, good to 1e-6. Attack side only: floats.
 */

/** x with P(N(0, 1) <= x) = p, limited to ±6. */
export function normalQuantile(p: number): number {
  let low = -6;
  let high = 6;
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (normalShare(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

function normalShare(x: number): number {
  const t = 1 / (1 + 0.3275911 * (Math.abs(x) / Math.SQRT2));
  const coefficients = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592];
  const polynomial = coefficients.reduce((sum, c) => sum * t + c, 0) * t;
  const upper = (polynomial * Math.exp((-x * x) / 2)) / 2;
  return x < 0 ? upper : 1 - upper;
}
