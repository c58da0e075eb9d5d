/** Attack fixtures do what their names say; a hash tree catches a swapped part. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { utf8 } from '../../../src/base/bytes.ts';
import { blobRoot } from '../../../src/blob/tree.ts';
import {
  ATTACK_NAMES,
  type AttackName,
  attackOf,
  BOMB_ROUNDS,
  swapPart,
} from '../../../src/federated/attack/attack.ts';
import { normalQuantile } from '../../../src/federated/attack/normal-quantile.ts';

const honest = [
  [1, 2, 0.01],
  [3, 2, -0.01],
  [2, 5, 0],
  [2, -1, 0],
].map((list) => Float32Array.from(list));
const own = Float32Array.of(1, -2, 3);
const view = { own, honest, faulty: 1, round: 0 };
const sent = (name: AttackName, change = {}) => [...attackOf(name).update!({ ...view, ...change })];
const near = (found: readonly number[], expected: readonly number[]) =>
  expected.forEach((value, k) => {
    assert.ok(Math.abs(found[k]! - value) < 1e-5, `${found} and ${expected}`);
  });

test('vectors', () => {
  assert.deepEqual(sent('sign-flip'), [-1, 2, -3]);
  near(sent('ipm-weak'), [-0.2, -0.2, 0]);
  near(sent('ipm-strong'), [-2.2, -2.2, 0]);
  assert.deepEqual(sent('mimic'), [...honest[0]!]);
  assert.deepEqual(sent('huge'), [1e8, 1e8, 1e8]);
  assert.deepEqual(sent('not-a-number'), [Number.NaN, Number.NaN, Number.NaN]);
  assert.ok(sent('infinite').every((value) => value === Number.NEGATIVE_INFINITY));
  assert.ok(sent('negative-zero').every((value) => Object.is(value, -0)));
  near(sent('duplicate'), [-1, -2, -0.01]);
  near(sent('collude'), [-1, -2, -0.01]);
  assert.deepEqual(sent('weight-inflation'), [-1, 2, -3]);
  assert.equal(attackOf('weight-inflation').weight!(10, 1000), 1000);
});

test('little is enough: within the spread, by the quantile that the paper names', () => {
  const many = { honest: Array.from({ length: 20 }, (_, i) => honest[i % 4]!), faulty: 5 };
  const z = normalQuantile((25 - 5 - 8) / 20);
  assert.ok(Math.abs(z - 0.2533471) < 1e-5);
  near(sent('alie', many), [2 - z * Math.SQRT1_2, 2 - z * Math.sqrt(4.5), -z * Math.sqrt(5e-5)]);
});

test('quantiles', () => {
  for (const [p, x] of [
    [0.5, 0],
    [0.975, 1.959964],
    [0.025, -1.959964],
    [0.999, 3.090232],
  ] as const) {
    assert.ok(Math.abs(normalQuantile(p) - x) < 2e-4, `${p}`);
  }
});

test('poisoners agree on the quietest coordinate', () => {
  assert.deepEqual(sent('index-poison'), [0, 0, 50]);
});

test('a residual bomb is quiet until it is not', () => {
  for (let round = 0; round < BOMB_ROUNDS - 1; round++) {
    assert.deepEqual(sent('residual-bomb', { round }), [0, 0, 0]);
  }
  near(sent('residual-bomb', { round: BOMB_ROUNDS - 1 }), [-8, 16, -24]);
});

test('label flip turns the classes round', () => {
  const flip = attackOf('label-flip').label!;
  assert.deepEqual(
    [0, 3, 9].map((label) => flip(label, 10)),
    [9, 6, 0],
  );
});

test('every fixture says what it does and changes something', () => {
  for (const name of ATTACK_NAMES) {
    const { what, label, update, weight } = attackOf(name);
    assert.ok(what.length > 5 && (label ?? update ?? weight) !== undefined, name);
    const before = [own, ...honest].map((vector) => [...vector]);
    update?.(view);
    assert.deepEqual(
      [own, ...honest].map((vector) => [...vector]),
      before,
      `${name} keeps its view`,
    );
  }
});

test('a part that is swapped after the commitment no longer has the committed root', () => {
  const message = utf8('an update'.repeat(20_000));
  const swapped = swapPart(message, 100_000);
  assert.equal(swapped.length, message.length);
  assert.notDeepEqual(blobRoot(swapped), blobRoot(message));
  assert.deepEqual(blobRoot(swapPart(swapped, 100_000)), blobRoot(message));
});
