import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LeafLists } from '../../../src/store/leaf-lists.ts';

const MIB = 2 ** 20;

test('of more than 32 MiB the least recently used go', () => {
  const lists = new LeafLists();
  for (const key of ['a', 'b', 'c']) lists.remember(key, new Uint8Array(10 * MIB));
  assert.ok(lists.get('a'));
  lists.remember('d', new Uint8Array(10 * MIB));
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].filter((key) => lists.get(key)),
    ['a', 'c', 'd'],
  );
});

test('one that is larger by itself is held until the next comes', () => {
  const lists = new LeafLists();
  lists.remember('large', new Uint8Array(40 * MIB));
  assert.ok(lists.get('large'));
  lists.remember('small', new Uint8Array(1));
  assert.deepEqual([lists.get('large'), lists.get('small')?.length], [undefined, 1]);
});
