/** Cadres of four real processes, harmed for seconds in three ways; `npm run soak` is longer. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { whyNoInternet } from '../support/netns/internet.ts';
import { CadreSoak, type SoakOptions } from '../support/soak/cadre-soak.ts';

const HARM_MS = 5_000;

async function soaked(options: SoakOptions) {
  const seed = randomInt(2 ** 31);
  const end = await new CadreSoak(new SeededRandom(seed), options).run(4, HARM_MS);
  assert.deepEqual(end.faults, [], `seed ${seed}`);
  assert.ok(end.blocks > 0, 'something became final');
  return end;
}

test('members that die and stand still lose nothing and agree on everything', async () => {
  const { kills, stops } = await soaked({});
  assert.ok(kills + stops > 0, 'somebody was harmed');
});

test('beside a member that equivocates the others agree, and blame nobody else', async () => {
  const { blames } = await soaked({ lie: 'equivocator' });
  assert.ok(blames > 0, 'the liar was found out');
});

const why = whyNoInternet();
const options = { ...(why !== undefined && { skip: `no namespaces: ${why}` }) };
test('over lossy links that are blocked now and then', options, async () => {
  const { splits } = await soaked({ internet: { latencyMs: 5, lossPerMille: 20 } });
  assert.ok(splits > 0, 'links were blocked');
});
