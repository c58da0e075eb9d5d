import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FourWords, philox } from '../../../../src/compute/reference/philox.ts';

test('Philox4x32-10 gives the known answers of its authors', () => {
  const ones = 0xffff_ffff;
  const known: [FourWords, [number, number], FourWords][] = [
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [ones, ones, ones, ones],
      [ones, ones],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ];
  for (const [counter, key, words] of known) assert.deepEqual(philox(counter, key), words);
});
