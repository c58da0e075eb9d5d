/** The DCT: its table against the formula, its inverse against big integers and against itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forwardTile, inverseTile, TILE_SUM_MAX } from '../../../../src/federated/codec/dct.ts';
import { DCT_COSINES } from '../../../../src/federated/codec/dct-table.ts';
import { inverseDct } from '../../../oracles/update-spelling.ts';
import { bellValues } from '../../../support/updates.ts';

test('the table is the formula', () => {
  const formula = Array.from({ length: 65 }, (_, j) =>
    Math.round(2 ** 18 * Math.sqrt(2 / 64) * Math.cos((j * Math.PI) / 128)),
  );
  assert.deepEqual(DCT_COSINES, formula);
});

function inverse(coefficients: ReadonlyMap<number, number>): Int32Array {
  const out = new Int32Array(4096);
  const positions = Uint32Array.from(coefficients.keys());
  inverseTile({ positions, values: Int32Array.from(coefficients.values()) }, out);
  return out;
}

const dense = (coefficients: ReadonlyMap<number, number>) =>
  Array.from({ length: 4096 }, (_, i) => coefficients.get(i) ?? 0);

test('the inverse is that of big integers, also at the bound of a tile', () => {
  const limit = 2 ** 31 - 1;
  const cases = [
    new Map([[0, limit]]),
    new Map([[4095, -limit]]),
    new Map(Array.from({ length: 16 }, (_, i) => [i, i % 2 === 0 ? limit : -limit] as const)),
    new Map(Array.from({ length: 16 }, (_, i) => [257 * i, -limit] as const)),
    new Map(Array.from(bellValues(40, 3, 1e6), (v, i) => [97 * i, Math.round(v)] as const)),
  ];
  for (const coefficients of cases) {
    const sum = [...coefficients.values()].reduce((total, value) => total + Math.abs(value), 0);
    assert.ok(sum <= TILE_SUM_MAX);
    assert.deepEqual([...inverse(coefficients)], inverseDct(dense(coefficients)));
  }
});

test('forward then inverse is the identity but for rounding', () => {
  const tile = bellValues(4096, 4, 1);
  const coefficients = new Float32Array(4096);
  forwardTile(tile, coefficients);
  const energy = (x: Float32Array) => x.reduce((sum, value) => sum + value * value, 0);
  assert.ok(Math.abs(energy(coefficients) / energy(tile) - 1) < 1e-4);
  const units = new Map(Array.from(coefficients, (c, i) => [i, Math.round(c * 2 ** 20)] as const));
  const back = inverse(units);
  for (const [i, value] of tile.entries()) {
    assert.ok(Math.abs(back[i]! / 2 ** 20 - value) < 1e-4);
  }
});
