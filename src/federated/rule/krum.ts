/**
 * Krum's score and what is built on it: Krum, multi-Krum, the selection of Bulyan
 * (docs/protocol/federated-rules.md, section 5; Blanchard et al. 2017, El Mhamdi et al. 2018).
 */
import { ascending } from './distances.ts';

type Distances = readonly (readonly bigint[])[];

/** The `keep` best rows, the best first. A row's score sums its m - f - 2 smallest distances. */
export function bestByKrum(distances: Distances, faulty: number, keep: number): number[] {
  const all = distances.map((_, index) => index);
  return ranked(distances, all, all.length - faulty - 2).slice(0, keep);
}

/** m - 2f rows, one by one, each the best of those left. */
export function selectForBulyan(distances: Distances, faulty: number): number[] {
  let left = distances.map((_, index) => index);
  const chosen: number[] = [];
  while (chosen.length < distances.length - 2 * faulty) {
    const neighbours = Math.min(left.length - 1, Math.max(1, left.length - faulty - 2));
    const [best] = ranked(distances, left, neighbours);
    chosen.push(best!);
    left = left.filter((index) => index !== best);
  }
  return chosen.sort((a, b) => a - b);
}

function ranked(distances: Distances, among: readonly number[], neighbours: number): number[] {
  const scores = among.map((index) => {
    const others = among
      .filter((other) => other !== index)
      .map((other) => ({ size: distances[index]![other]!, index: other }))
      .sort(ascending);
    const size = others.slice(0, neighbours).reduce((sum, other) => sum + other.size, 0n);
    return { size, index };
  });
  return scores.sort(ascending).map(({ index }) => index);
}
