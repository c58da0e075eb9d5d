/**
 * The rows of the demo's training: ten classes around centres of their own, made from formulas.
 * Nobody's rows are like another's: a client sees three classes often and the others seldom.
 */

import { utf8 } from '../../src/base/bytes.ts';
import { ChaChaWords } from '../../src/crypto/portable/chacha20.ts';
import { sha256 } from '../../src/crypto/portable/hash.ts';
import type { Examples } from '../../src/federated/model/model.ts';

const CLASSES = 10;
const FEATURES = 16;
/** How far rows lie from their centre, whose coordinates are in -1..1. */
const NOISE = 0.65;
const OWN_CLASSES = 3;
const OWN_SHARE = 0.6;

/** In -1..1. */
const unit = (random: ChaChaWords): number => random.next() / 2 ** 31 - 1;

const wordsOf = (name: string): ChaChaWords => new ChaChaWords(sha256(utf8(`demo ${name}`)));

function centres(): Float32Array[] {
  const random = wordsOf('centres');
  return Array.from({ length: CLASSES }, () =>
    Float32Array.from({ length: FEATURES }, () => unit(random)),
  );
}

/** `client` undefined: every class as often as the others. */
export function makeRows(count: number, client?: number): Examples {
  const random = wordsOf(`rows ${client ?? 'test'}`);
  const middle = centres();
  const features = new Float32Array(count * FEATURES);
  const labels = new Int32Array(count);
  for (let row = 0; row < count; row++) {
    const any = random.next() % CLASSES;
    const own = ((client ?? 0) + (any % OWN_CLASSES)) % CLASSES;
    const isOwn = client !== undefined && random.next() < OWN_SHARE * 2 ** 32;
    const label = isOwn ? own : any;
    labels[row] = label;
    for (let k = 0; k < FEATURES; k++) {
      const spread = NOISE * (unit(random) + unit(random));
      features[row * FEATURES + k] = middle[label]![k]! + spread;
    }
  }
  return { features, labels };
}

/** As `--data` takes them: the label last. */
export function rowsText({ features, labels }: Examples): string {
  const width = features.length / labels.length;
  const lines = Array.from(labels, (label, row) => {
    const values = features.subarray(row * width, (row + 1) * width);
    return `${Array.from(values, (value) => value.toFixed(5)).join(',')},${label}`;
  });
  return `${lines.join('\n')}\n`;
}
