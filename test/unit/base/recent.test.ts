import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentMap, RecentSet } from '../../../src/base/recent.ts';

test('beyond the bound the oldest is forgotten; what is set again is the youngest', () => {
  const map = new RecentMap<string, number>(2);
  map.set('a', 1);
  map.set('b', 2);
  map.set('a', 3);
  map.set('c', 4);
  assert.deepEqual(
    [...map.entries()],
    [
      ['a', 3],
      ['c', 4],
    ],
  );
  assert.deepEqual([map.has('b'), map.get('a'), map.size], [false, 3, 2]);
  map.delete('a');
  assert.equal(map.size, 1);
});

test('a set of recent things is bounded alike', () => {
  const set = new RecentSet<number>(3);
  for (let i = 0; i < 100; i++) set.add(i);
  assert.deepEqual([set.size, set.has(97), set.has(96)], [3, true, false]);
});
