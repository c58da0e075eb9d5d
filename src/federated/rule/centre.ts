/**
 * The rules that walk towards a centre in a fixed number of steps: geometric median and centered
 * clipping (docs/protocol/federated-rules.md, section 5). The centre is a row, so that every
 * distance follows from the Gram sums and no step touches a vector.
 */
import { ceilSqrt, dot, imageOf, innerProducts } from './distances.ts';
import type { Gram } from './gram.ts';
import { WHOLE } from './keeping-stages.ts';
import {
  addScaled,
  combined,
  type LooseRow,
  REFERENCE,
  type Row,
  type Stage,
  settle,
} from './rows.ts';

export interface Centre {
  readonly row: Row;
  readonly total: bigint;
}

/** Smoothed Weiszfeld steps from the mean (Pillutla et al. 2022). */
export function geometricMedianOf(stage: Stage, gram: Gram, steps: number): Centre {
  const distancesTo = distanceMeter(stage, gram);
  let centre = settled(
    combined(
      stage,
      stage.rows.map(() => 1n),
    ),
  );
  for (let step = 0; step < steps; step++) {
    const unit = stage.total * centre.total;
    const distances = distancesTo(centre).map((distance) => larger(distance, unit));
    const nearest = sorted(distances)[0]!;
    centre = settled(
      combined(
        stage,
        distances.map((one) => (nearest * WHOLE) / one),
      ),
    );
  }
  return centre;
}

/** Steps of clipping around the reference; `radius` in units (Karimireddy et al. 2021). */
export function clippedCentreOf(
  stage: Stage,
  gram: Gram,
  { steps, radius }: { readonly steps: number; readonly radius: bigint | 'median' },
): Centre {
  const distancesTo = distanceMeter(stage, gram);
  const count = BigInt(stage.rows.length);
  const start = stage.rows[0]!.map((_, index) => (index === REFERENCE ? 1n : 0n));
  let centre: Centre = { row: start, total: 1n };
  for (let step = 0; step < steps; step++) {
    const distances = distancesTo(centre);
    const limit =
      radius === 'median' ? lowerMedian(distances) : radius * stage.total * centre.total;
    const shares = distances.map((one) => (one <= limit ? WHOLE : (limit * WHOLE) / one));
    const kept = count * WHOLE - shares.reduce((sum, share) => sum + share, 0n);
    const entries = centre.row.map((entry) => entry * kept * stage.total);
    for (const [j, share] of shares.entries()) {
      addScaled(entries, stage.rows[j]!, share * centre.total);
    }
    centre = settled({ entries, total: count * WHOLE * stage.total * centre.total });
  }
  return centre;
}

/** Distances of all rows to a centre, rounded up, in units of 1 / (stage total x centre total). */
function distanceMeter(stage: Stage, gram: Gram): (centre: Centre) => bigint[] {
  const lengths = innerProducts(stage, gram).map((products, j) => products[j]!);
  return ({ row, total }) => {
    const image = imageOf(row, gram);
    const own = stage.total ** 2n * dot(row, image);
    return stage.rows.map((other, j) =>
      ceilSqrt(total ** 2n * lengths[j]! - 2n * total * stage.total * dot(other, image) + own),
    );
  };
}

function lowerMedian(sizes: readonly bigint[]): bigint {
  return sorted(sizes)[Math.floor((sizes.length - 1) / 2)]!;
}

function sorted(sizes: readonly bigint[]): bigint[] {
  return sizes.toSorted((a, b) => Number(a > b) - Number(a < b));
}

function larger(a: bigint, b: bigint): bigint {
  return sorted([a, b])[1]!;
}

function settled(loose: LooseRow): Centre {
  const { rows, total } = settle([loose], [1]);
  return { row: rows[0]!, total };
}
