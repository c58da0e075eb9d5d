/**
 * A second reading of docs/protocol/federated-rules.md, sections 2 to 6: whole vectors of big
 * integers, distances coordinate by coordinate, division as the page writes it. Slow, and shares
 * nothing with src but types.
 */
import type { FinalRule, Pipeline } from '../../src/federated/rule/pipeline.ts';

export interface ReferenceRound {
  readonly reference: readonly number[];
  /** Ascending by client. */
  readonly updates: readonly (readonly number[])[];
  readonly weights: readonly number[];
  readonly staleness: readonly number[];
  /** The permutation P that a bucket stage of so many rows uses. */
  readonly permutations: (rows: number) => readonly number[];
  readonly fractionBits: number;
}

interface Rows {
  rows: bigint[][];
  total: bigint;
  weights: number[];
}

const Q = [65536n, 46341n, 37837n, 32768n, 29309n];
const LIMIT = 2n ** 30n;

export function referenceAggregate(pipeline: Pipeline, round: ReferenceRound): number[] {
  const basis = [round.reference.map(() => 0), round.reference, ...round.updates].map((vector) =>
    vector.map(BigInt),
  );
  const radiusUnits = (nanos: number) =>
    floorDiv(2n * BigInt(nanos) * 2n ** BigInt(round.fractionBits) + 10n ** 9n, 2n * 10n ** 9n);
  let stage = start(round);
  for (const next of pipeline.stages) {
    const ys = vectorsOf(stage, basis);
    const m = ys.length;
    if (next.name === 'bucket') {
      const order = round.permutations(m);
      const groups: number[][] = [];
      order.forEach((row, i) => {
        if (i % next.size === 0) groups.push([]);
        groups.at(-1)!.push(row);
      });
      stage = means(stage, groups);
    } else if (next.name === 'nnm') {
      stage = means(
        stage,
        ys.map((y, j) => [
          j,
          ...nearest(ys, y)
            .filter((l) => l !== j)
            .slice(0, m - next.faulty - 1),
        ]),
      );
    } else {
      const limit = radiusUnits(next.length) * stage.total;
      const total = stage.total;
      stage = normal(
        stage.rows.map((row, j) => {
          const size = ys[j]!.reduce((sum, one) => sum + one * one, 0n);
          const share = size <= limit * limit ? LIMIT : (limit * LIMIT) / rootAbove(size);
          return row.map((e, a) => e * share + (a === 0 ? (LIMIT - share) * total : 0n));
        }),
        stage.weights,
      );
    }
  }
  return last(pipeline.last, stage, { basis, radiusUnits }).map(Number);
}

interface World {
  readonly basis: bigint[][];
  readonly radiusUnits: (nanos: number) => bigint;
}

function last(rule: FinalRule, stage: Rows, world: World): bigint[] {
  const ys = vectorsOf(stage, world.basis);
  const m = ys.length;
  const rounded = (rows: Rows) =>
    vectorsOf(rows, world.basis)[0]!.map((y) => halfUp(y, rows.total));
  switch (rule.name) {
    case 'mean':
      return rounded(mixed(stage, stage.weights.map(BigInt)));
    case 'krum':
      return rounded(means(stage, [krumOrder(ys, rule.faulty).slice(0, 1)]));
    case 'multi-krum':
      return rounded(
        means(stage, [krumOrder(ys, rule.faulty).slice(0, rule.keep || m - rule.faulty)]),
      );
    case 'geometric-median':
      return rounded(weiszfeld(stage, rule.steps, world));
    case 'centered-clip':
      return rounded(clipped(stage, rule, world));
    default:
      return sortedRule(rule, stage, ys);
  }
}

type Sorted = Extract<FinalRule, { name: 'median' | 'trimmed-mean' | 'bulyan' }>;

function sortedRule(rule: Sorted, stage: Rows, ys: bigint[][]): bigint[] {
  const m = ys.length;
  const chosen = rule.name === 'bulyan' ? bulyanChoice(ys, rule.faulty) : ys;
  const theta = chosen.length;
  return ys[0]!.map((_, k) => {
    const s = sortedBig(chosen.map((y) => halfUp(y[k]!, stage.total)));
    if (rule.name === 'trimmed-mean') return average(s.slice(rule.faulty, m - rule.faulty));
    if (rule.name === 'median') {
      return m % 2 === 1 ? s[(m - 1) / 2]! : halfUp(s[m / 2 - 1]! + s[m / 2]!, 2n);
    }
    const middle = s[Math.floor((theta - 1) / 2)]!;
    const byCloseness = s
      .map((value, place) => ({
        value,
        place,
        off: value < middle ? middle - value : value - middle,
      }))
      .sort((a, b) => Number(a.off - b.off) || a.place - b.place);
    return average(byCloseness.slice(0, theta - 2 * rule.faulty).map(({ value }) => value));
  });
}

function bulyanChoice(ys: bigint[][], faulty: number): bigint[][] {
  let left = ys.map((_, j) => j);
  const chosen: number[] = [];
  while (chosen.length < ys.length - 2 * faulty) {
    const c = left.length;
    const among = left.map((j) => ys[j]!);
    const best = left[scoreOrder(among, Math.min(c - 1, Math.max(1, c - faulty - 2)))[0]!]!;
    chosen.push(best);
    left = left.filter((j) => j !== best);
  }
  return chosen.map((j) => ys[j]!);
}

function average(values: bigint[]): bigint {
  const sum = values.reduce((total, one) => total + one, 0n);
  return halfUp(sum, BigInt(values.length));
}

function weiszfeld(stage: Rows, steps: number, { basis }: World): Rows {
  let z = mixed(
    stage,
    stage.rows.map(() => 1n),
  );
  for (let step = 0; step < steps; step++) {
    const unit = stage.total * z.total;
    const off = distances(stage, z, basis).map((one) => sortedBig([one, unit])[1]!);
    const least = sortedBig(off)[0]!;
    z = mixed(
      stage,
      off.map((one) => (least * LIMIT) / one),
    );
  }
  return z;
}

type Clip = Extract<FinalRule, { name: 'centered-clip' }>;

function clipped(stage: Rows, rule: Clip, { basis, radiusUnits }: World): Rows {
  const m = stage.rows.length;
  let v: Rows = { rows: [basis.map((_, a) => (a === 1 ? 1n : 0n))], total: 1n, weights: [1] };
  for (let step = 0; step < rule.steps; step++) {
    const off = distances(stage, v, basis);
    const tau =
      rule.radius === 'median'
        ? sortedBig(off)[Math.floor((m - 1) / 2)]!
        : radiusUnits(rule.radius) * stage.total * v.total;
    const shares = off.map((x) => (x <= tau ? LIMIT : (tau * LIMIT) / x));
    const kept = BigInt(m) * LIMIT - shares.reduce((sum, x) => sum + x, 0n);
    const row = v.rows[0]!.map((entry, a) => {
      const pulled = shares.reduce((sum, x, j) => sum + x * stage.rows[j]![a]!, 0n);
      return kept * stage.total * entry + v.total * pulled;
    });
    v = normal([row], [1]);
  }
  return v;
}

function start({ updates, weights, staleness }: ReferenceRound): Rows {
  const isStale = staleness.some((s) => s > 0);
  const total = isStale ? 65536n : 1n;
  const rows = updates.map((_, i) => {
    const share = isStale ? Q[staleness[i]!]! : 1n;
    return Array.from({ length: updates.length + 2 }, (__, a) =>
      a === 2 + i ? share : a === 0 ? total - share : 0n,
    );
  });
  return { rows, total, weights: [...weights] };
}

/** total x vector, for every row. */
function vectorsOf({ rows }: Rows, basis: bigint[][]): bigint[][] {
  return rows.map((row) =>
    basis[0]!.map((_, k) => row.reduce((sum, entry, a) => sum + entry * basis[a]![k]!, 0n)),
  );
}

function means(stage: Rows, groups: number[][]): Rows {
  const sizes = groups.map((group) => BigInt(group.length));
  const common = sizes.reduce((a, b) => a * b, 1n);
  const rows = groups.map((group, g) =>
    stage.rows[0]!.map(
      (_, a) => group.reduce((sum, j) => sum + stage.rows[j]![a]!, 0n) * (common / sizes[g]!),
    ),
  );
  return normal(
    rows,
    groups.map(() => 1),
  );
}

function mixed(stage: Rows, shares: bigint[]): Rows {
  const row = stage.rows[0]!.map((_, a) =>
    shares.reduce((sum, share, j) => sum + share * stage.rows[j]![a]!, 0n),
  );
  return normal([row], [1]);
}

/** Rows of one sum: divided by what they share, apportioned when still too fine. */
function normal(rows: bigint[][], weights: number[]): Rows {
  const divisor = rows.flat().reduce((a, b) => (b === 0n ? a : common(a, b)), 0n);
  const small = rows.map((row) => row.map((entry) => entry / divisor));
  const total = small[0]!.reduce((sum, entry) => sum + entry, 0n);
  if (total <= LIMIT) return { rows: small, total, weights };
  const cut = small.map((row) => {
    const out = row.map((entry) => (entry * LIMIT) / total);
    let missing = LIMIT - out.reduce((sum, entry) => sum + entry, 0n);
    const rest = row.map((entry) => (entry * LIMIT) % total);
    for (; missing > 0n; missing--) {
      const most = rest.reduce((best, one, a) => (one > rest[best]! ? a : best), 0);
      out[most]! += 1n;
      rest[most] = -1n;
    }
    return out;
  });
  return { rows: cut, total: LIMIT, weights };
}

function common(a: bigint, b: bigint): bigint {
  return b === 0n ? a : common(b, a % b);
}

function square(a: bigint[], b: bigint[]): bigint {
  return a.reduce((sum, one, k) => sum + (one - b[k]!) ** 2n, 0n);
}

function nearest(ys: bigint[][], y: bigint[]): number[] {
  const off = ys.map((other) => square(y, other));
  return ys
    .map((_, j) => j)
    .sort((a, b) => (off[a]! < off[b]! ? -1 : off[a]! > off[b]! ? 1 : a - b));
}

function krumOrder(ys: bigint[][], faulty: number): number[] {
  return scoreOrder(ys, ys.length - faulty - 2);
}

function scoreOrder(ys: bigint[][], count: number): number[] {
  const scores = ys.map((y, j) =>
    ys
      .flatMap((other, l) => (l === j ? [] : [square(y, other)]))
      .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
      .slice(0, count)
      .reduce((sum, one) => sum + one, 0n),
  );
  return ys
    .map((_, j) => j)
    .sort((a, b) => (scores[a]! < scores[b]! ? -1 : scores[a]! > scores[b]! ? 1 : a - b));
}

/** In units of 1 / (stage total x centre total), rounded up. */
function distances(stage: Rows, centre: Rows, basis: bigint[][]): bigint[] {
  const [v] = vectorsOf(centre, basis);
  return vectorsOf(stage, basis).map((y) =>
    rootAbove(
      y.reduce((sum, one, k) => sum + (one * centre.total - v![k]! * stage.total) ** 2n, 0n),
    ),
  );
}

function sortedBig(values: readonly bigint[]): bigint[] {
  return values.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** Bisection. */
function rootAbove(x: bigint): bigint {
  let low = 0n;
  let high = 1n;
  while (high * high < x) high *= 2n;
  while (low < high) {
    const middle = (low + high) / 2n;
    if (middle * middle >= x) high = middle;
    else low = middle + 1n;
  }
  return low;
}

function floorDiv(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a < 0n && quotient * b !== a ? quotient - 1n : quotient;
}

/** div(a, b) of the page. */
export function halfUp(a: bigint, b: bigint): bigint {
  return floorDiv(2n * a + b, 2n * b);
}
