/** A cadre of four real processes, killed and stopped for seconds; `npm run soak` is longer. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { CadreSoak } from '../support/soak/cadre-soak.ts';

const HARM_MS = 5_000;

test('members that die and stand still lose nothing and agree on everything', async () => {
  const seed = randomInt(2 ** 31);
  const end = await new CadreSoak(new SeededRandom(seed)).run(4, HARM_MS);
  assert.deepEqual(end.faults, [], `seed ${seed}`);
  assert.ok(end.kills + end.stops > 0, 'somebody was harmed');
  assert.ok(end.blocks > 0, 'something became final');
});
