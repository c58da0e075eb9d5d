/**
 * The cosines of the DCT as integers: `Math.cos` is not the same bits on every engine, so nobody
 * computes them (docs/protocol/federated-codec.md, 3.7). A test compares with the formula.
 */

/** round(2^18 · sqrt(2/64) · cos(j π / 128)) for j = 0..64. */
export const DCT_COSINES: readonly number[] = [
  46341, 46327, 46285, 46215, 46118, 45992, 45839, 45659, 45451, 45215, 44952, 44662, 44346, 44002,
  43632, 43236, 42813, 42365, 41892, 41393, 40869, 40321, 39748, 39151, 38531, 37888, 37221, 36533,
  35822, 35090, 34336, 33562, 32768, 31954, 31121, 30269, 29398, 28510, 27605, 26683, 25746, 24792,
  23824, 22841, 21845, 20835, 19813, 18779, 17734, 16678, 15612, 14536, 13452, 12360, 11260, 10153,
  9041, 7923, 6800, 5673, 4542, 3409, 2274, 1137, 0,
];
