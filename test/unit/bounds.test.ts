/** docs/bounds.md tells the truth: which fields there are, and which test goes beyond each. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BOUNDS, type Bound } from '../../scripts/docs/bounds-table.ts';
import { findContainers } from '../support/containers.ts';

const root = join(import.meta.dirname, '../..');
const listed = Object.values(BOUNDS).flat();

test('every map, set and list that an object keeps has its bound written down, once', () => {
  const fields = listed.map(({ field }) => field).sort();
  assert.deepEqual(fields, findContainers(root));
  assert.ok(fields.length > 100, 'the search finds what there is');
});

test('what strangers or members of a cadre fill names the test that goes beyond its bound', () => {
  for (const { field, test: shownBy } of [...BOUNDS.peers, ...BOUNDS.seats]) {
    assert.ok(shownBy !== undefined, `${field} has no test`);
  }
});

test('every test that is named exists', () => {
  for (const bound of listed) if (bound.test !== undefined) assertExists(bound, bound.test);
});

function assertExists({ field }: Bound, named: string): void {
  const [file, ...title] = named.split(': ');
  const path = ['.test.ts', '.ts']
    .map((ending) => join(root, 'test', `${file}${ending}`))
    .find((one) => existsSync(one) && readFileSync(one, 'utf8').includes(title.join(': ')));
  assert.ok(path !== undefined && title.length > 0, `${field}: there is no test "${named}"`);
}
