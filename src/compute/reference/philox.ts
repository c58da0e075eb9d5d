/**
 * Philox4x32-10: four random words from a counter of four words and a key of two (Salmon, Moraes,
 * Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011).
 */
export type FourWords = readonly [number, number, number, number];

export function philox(counter: FourWords, key: readonly [number, number]): FourWords {
  let [c0, c1, c2, c3] = counter;
  let [key0, key1] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = highProduct(c0, 0xd2511f53);
    const high1 = highProduct(c2, 0xcd9e8d57);
    const low0 = Math.imul(c0, 0xd2511f53) >>> 0;
    const low1 = Math.imul(c2, 0xcd9e8d57) >>> 0;
    c0 = (high1 ^ c1 ^ key0) >>> 0;
    c2 = (high0 ^ c3 ^ key1) >>> 0;
    c1 = low1;
    c3 = low0;
    key0 = (key0 + 0x9e3779b9) >>> 0;
    key1 = (key1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** Bits 32 to 63 of a product of two u32, in halves that binary64 holds exactly. */
function highProduct(a: number, b: number): number {
  const low = a * (b & 0xffff);
  const high = a * (b >>> 16) + Math.floor(low / 65_536);
  return Math.floor(high / 65_536);
}
