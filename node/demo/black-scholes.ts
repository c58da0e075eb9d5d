/**
 * The price of a European call in closed form (F. Black, M. Scholes, The Pricing of Options and
 * Corporate Liabilities, 1973): what the simulated price must be close to.
 */
export interface Call {
  readonly spot: number;
  readonly strike: number;
  /** Riskless, per year, continuously compounded. */
  readonly rate: number;
  /** Standard deviation of the yearly logarithmic return; above 0. */
  readonly volatility: number;
  /** Above 0. */
  readonly years: number;
}

export function blackScholes({ spot, strike, rate, volatility, years }: Call): number {
  const deviation = volatility * Math.sqrt(years);
  const drift = (rate + volatility ** 2 / 2) * years;
  const d1 = (Math.log(spot / strike) + drift) / deviation;
  const d2 = d1 - deviation;
  return spot * normalBelow(d1) - strike * Math.exp(-rate * years) * normalBelow(d2);
}

/**
 * Probability that a standard normal variable is below x, by its power series, good to some 1e-15
 * for |x| < 6 (G. Marsaglia, Evaluating the Normal Distribution, 2004).
 */
function normalBelow(x: number): number {
  let term = x;
  let sum = x;
  for (let i = 3; Math.abs(term) > 1e-18; i += 2) {
    term *= (x * x) / i;
    sum += term;
  }
  return 0.5 + (sum * Math.exp(-(x * x) / 2)) / Math.sqrt(2 * Math.PI);
}
