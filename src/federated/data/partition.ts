/**
 * How a data set is spread over clients for experiments: evenly, sorted by label, a few classes per
 * client (McMahan et al. 2017), Dirichlet (Hsu et al. 2019). Seeded; each row goes to one client.
 */
import type { ChaChaWords } from '../../crypto/portable/chacha20.ts';
import { permutation } from '../rule/keeping-stages.ts';

/** Row indices per client; a client may have none. */
export type Partition = number[][];

export function evenly(rows: number, clients: number, random: ChaChaWords): Partition {
  return slices(permutation(rows, random), clients);
}

/** Neighbouring slices of the rows in the order of their labels: the hardest split. */
export function sortedByLabel(labels: Int32Array, clients: number): Partition {
  return slices(labelOrder(labels), clients);
}

/** Label-sorted rows in clients x classes slices, `classes` of them dealt to each client. */
export function fewClasses(
  labels: Int32Array,
  { clients, classes, random }: { clients: number; classes: number; random: ChaChaWords },
): Partition {
  const parts = slices(labelOrder(labels), clients * classes);
  const dealt = permutation(parts.length, random);
  return Array.from({ length: clients }, (_, client) =>
    dealt.slice(client * classes, (client + 1) * classes).flatMap((part) => parts[part]!),
  );
}

/** Each class spread by proportions drawn from Dirichlet(alpha); small alpha is far from even. */
export function dirichlet(
  labels: Int32Array,
  { clients, alpha, random }: { clients: number; alpha: number; random: ChaChaWords },
): Partition {
  const partition: Partition = Array.from({ length: clients }, () => []);
  for (const label of [...new Set(labels)].sort((a, b) => a - b)) {
    const all = [...labels.keys()].filter((row) => labels[row] === label);
    const rows = permutation(all.length, random).map((place) => all[place]!);
    const parts = Array.from({ length: clients }, () => gamma(alpha, random));
    const sum = parts.reduce((total, part) => total + part, 0);
    let share = 0;
    let begin = 0;
    for (const [client, part] of parts.entries()) {
      share += part;
      const end = client === clients - 1 ? rows.length : Math.round((rows.length * share) / sum);
      partition[client]!.push(...rows.slice(begin, end));
      begin = end;
    }
  }
  return partition;
}

function labelOrder(labels: Int32Array): number[] {
  return [...labels.keys()].sort((a, b) => labels[a]! - labels[b]! || a - b);
}

/** Sizes differ by one at most. */
function slices(order: readonly number[], count: number): Partition {
  const cut = (part: number) => Math.floor((order.length * part) / count);
  return Array.from({ length: count }, (_, part) => order.slice(cut(part), cut(part + 1)));
}

/** Marsaglia and Tsang 2000; for alpha < 1 by their boost. Never zero. */
function gamma(alpha: number, random: ChaChaWords): number {
  if (alpha < 1)
    return gamma(alpha + 1, random) * uniform(random) ** (1 / alpha) + Number.MIN_VALUE;
  const d = alpha - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  // Each turn is taken with a probability above 0.95.
  for (;;) {
    const x = Math.sqrt(-2 * Math.log(uniform(random))) * Math.cos(2 * Math.PI * uniform(random));
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(uniform(random)) < 0.5 * x * x + d - d * v + d * Math.log(v))
      return d * v;
  }
}

/** In (0, 1). */
function uniform(random: ChaChaWords): number {
  return (random.next() + 0.5) / 2 ** 32;
}
