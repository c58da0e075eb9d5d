/** The price of a European option in closed form (Black and Scholes, 1973), to about 1e-12. */
export interface Option {
  readonly spot: number;
  readonly strike: number;
  readonly rate: number;
  readonly volatility: number;
  readonly years: number;
  readonly put: boolean;
}

export function blackScholes({ spot, strike, rate, volatility, years, put }: Option): number {
  const deviation = volatility * Math.sqrt(years);
  const d1 = (Math.log(spot / strike) + rate * years) / deviation + deviation / 2;
  const paid = strike * Math.exp(-rate * years);
  const call = spot * distribution(d1) - paid * distribution(d1 - deviation);
  return put ? call - spot + paid : call;
}

/** The normal distribution function by its Taylor series around 0. */
function distribution(z: number): number {
  let term = z;
  let sum = z;
  for (let k = 3; k < 400; k += 2) {
    term *= (z * z) / k;
    sum += term;
  }
  return 0.5 + (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * sum;
}
