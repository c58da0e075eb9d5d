/** The enumeration of twins: how many, each once, and that renaming is all that is left out. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  stageTwins,
  TWIN_SEATS,
  twinScenarioCount,
  twinScenarios,
} from '../../../src/sim/cadre/all-twins.ts';
import { domainOf } from '../../../src/sim/cadre/cadre-world.ts';

test('as many as counting by hand gives', () => {
  // One round: with the twins leading it, three honest machines are alike: 4 + 2 ways; else the
  // leader and two that are alike: 6 + 3 ways, for each of three places.
  assert.equal(twinScenarios(1).length, 6 + 3 * 9);
  // Three rounds: all honest machines lead, or the one that does not is alone; twins are swapped.
  const keptBySwap = 8 ** 3;
  assert.equal(twinScenarios(3).length, (TWIN_SEATS * (16 ** 3 + keptBySwap)) / 2);
  assert.deepEqual([1, 2, 3].map(twinScenarioCount), [64, 1_024, 16_384]);
});

test('none comes twice, and every place of the twins does', () => {
  const all = twinScenarios(2);
  const names = new Set(all.map(({ place, sides }) => `${place} ${sides.join()}`));
  assert.equal(names.size, all.length);
  assert.deepEqual(new Set(all.map(({ place }) => place)), new Set([0, 1, 2, 3]));
});

test('on stage the machines of a round hear exactly their own side', () => {
  const domain = domainOf(1);
  for (const scenario of twinScenarios(2).filter((_, i) => i % 7 === 0)) {
    const { faults, rules } = stageTwins(scenario, domain);
    assert.equal(faults.filter((fault) => fault === 'twins').length, 1);
    for (const round of [1, 2]) {
      const hears = rules(round);
      const together = [0, 1, 2, 3, 4].map((from) =>
        [0, 1, 2, 3, 4].map((to) => hears(from, to, 'vote')),
      );
      const sides = new Set(together.map((row) => row.join()));
      const isSplit = scenario.sides[round - 1] !== 0;
      assert.equal(sides.size, isSplit ? 2 : 1);
    }
    assert.ok(rules(3)(0, 4, 'vote'), 'after the enumerated rounds everything passes');
  }
});
