/** Small classification data sets made on the spot: noisy blobs around seeded centres. */
import { utf8 } from '../../src/base/bytes.ts';
import { ChaChaWords } from '../../src/crypto/portable/chacha20.ts';
import { sha256 } from '../../src/crypto/portable/hash.ts';
import type { Examples } from '../../src/federated/model/model.ts';

export const seededWords = (name: string): ChaChaWords => new ChaChaWords(sha256(utf8(name)));

export interface BlobShape {
  readonly rows: number;
  readonly features: number;
  readonly classes: number;
  /** Of the noise, where centres lie in ±1. */
  readonly spread: number;
}

/** The same centres for one `name`, other rows for each `part`. */
export function makeBlobs(name: string, part: string, shape: BlobShape): Examples {
  const { rows, features, classes, spread } = shape;
  const centre = seededWords(`${name} centres`);
  const centres = Array.from({ length: classes * features }, () => centre.next() / 2 ** 31 - 1);
  const noise = seededWords(`${name} ${part}`);
  const labels = Int32Array.from({ length: rows }, (_, row) => row % classes);
  const values = Float32Array.from({ length: rows * features }, (_, at) => {
    const label = labels[Math.floor(at / features)]!;
    return centres[label * features + (at % features)]! + spread * (noise.next() / 2 ** 31 - 1);
  });
  return { features: values, labels };
}
