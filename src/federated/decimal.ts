/**
 * Decimals of a plan: rates, radii, lengths. A plan is hashed as text, so a number has one
 * spelling and one integer: it is kept as a whole number of billionths, and turned into units by
 * one rounding (docs/protocol/federated-rules.md, sections 8 and 10).
 */
const NANOS = 1_000_000_000;

/**
 * Billionths of a text such as `0.7`; undefined for any spelling but the one of `formatDecimal`.
 */
export function parseDecimal(text: string): number | undefined {
  const match = /^(0|[1-9]\d{0,7})(?:\.(\d{1,9}))?$/.exec(text);
  if (match === null) return undefined;
  const nanos = Number(match[1]) * NANOS + Number((match[2] ?? '').padEnd(9, '0'));
  return Number.isSafeInteger(nanos) && formatDecimal(nanos) === text ? nanos : undefined;
}

/** The only spelling: no exponent, no sign, no needless zero. */
export function formatDecimal(nanos: number): string {
  const whole = Math.floor(nanos / NANOS);
  const rest = String(nanos % NANOS)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return rest === '' ? String(whole) : `${whole}.${rest}`;
}

/** Billionths of a number that a program gives, to the nearest. */
export function nanosOf(value: number): number {
  return Math.round(value * NANOS);
}

/** Nearest whole number of 2^-bits, halves up. At most 2^53 for what a plan may say. */
export function unitsOf(nanos: number, bits: number): number {
  const scaled = BigInt(nanos) << BigInt(bits + 1);
  return Number((scaled + BigInt(NANOS)) / BigInt(2 * NANOS));
}
