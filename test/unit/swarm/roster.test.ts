import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  checkRosterOrder,
  freezeRoster,
  isInRoster,
  rosterIndexOf,
  rosterPaths,
  rosterRootOf,
} from '../../../src/swarm/roster.ts';
import { LIMITS } from '../../../src/wire/limits.ts';
import { signedOf, signerNumber } from '../../support/adverts.ts';

const adverts = Array.from({ length: 9 }, (_, i) => signedOf(signerNumber(i)));

function frozen(list: typeof adverts) {
  const roster = freezeRoster(list);
  assert.ok(roster.ok);
  return roster.value;
}

test('any order of adverts freezes to the same roster', () => {
  const base = frozen(adverts);
  fc.assert(
    fc.property(fc.shuffledSubarray(adverts, { minLength: 9 }), (shuffled) => {
      assert.deepEqual(frozen(shuffled), base);
    }),
    { numRuns: 20 },
  );
  assert.ok(checkRosterOrder(base.adverts).ok);
});

test('the root commits to every advert, its signature and the count', () => {
  const base = frozen(adverts);
  const roots = new Set([Buffer.from(base.root).toString('hex')]);
  for (let i = 0; i < adverts.length; i++) {
    roots.add(Buffer.from(rosterRootOf(base.adverts.toSpliced(i, 1))).toString('hex'));
    const signature = base.adverts[i]!.signature.slice();
    signature[63]! ^= 1;
    const changed = base.adverts.with(i, { ...base.adverts[i]!, signature });
    roots.add(Buffer.from(rosterRootOf(changed)).toString('hex'));
  }
  assert.equal(roots.size, 1 + 2 * adverts.length);
});

test('wrong rosters are refused, each for its own reason', () => {
  const reasonFor = (list: typeof adverts) => {
    const roster = freezeRoster(list);
    return roster.ok ? 'accepted' : roster.reason;
  };
  assert.equal(reasonFor([]), 'empty-roster');
  const twice = [...adverts, signedOf(signerNumber(3), { sequence: 1 })];
  assert.equal(reasonFor(twice), 'duplicate-node');
  const crowd = Array.from({ length: LIMITS.rosterAdvertsMax + 1 }, () => adverts[0]!);
  assert.equal(reasonFor(crowd), 'roster-too-large');
  const backwards = checkRosterOrder(frozen(adverts).adverts.toReversed());
  assert.ok(!backwards.ok && backwards.reason === 'unsorted-roster');
});

test('inclusion is proven for every advert of every size, and for nothing else', () => {
  for (let count = 1; count <= adverts.length; count++) {
    const { adverts: sorted, root } = frozen(adverts.slice(0, count));
    const paths = rosterPaths(sorted, [...sorted.keys()]);
    for (const [index, advert] of sorted.entries()) {
      const path = paths[index]!;
      const inclusion = { advert, index, count, path };
      assert.ok(isInRoster(root, inclusion));
      assert.ok(!isInRoster(root, { ...inclusion, count: count + 1 }));
      assert.ok(!isInRoster(root, { ...inclusion, index: index + 1 }));
      assert.ok(!isInRoster(root, { ...inclusion, index: -1 }));
      assert.ok(!isInRoster(root, { ...inclusion, path: [...path, root] }));
      assert.ok(!isInRoster(root, { ...inclusion, advert: signedOf(signerNumber(99)) }));
      assert.equal(rosterIndexOf(sorted, advert.advert.node), index);
    }
    assert.equal(rosterIndexOf(sorted, signerNumber(99).nodeId), undefined);
  }
});
