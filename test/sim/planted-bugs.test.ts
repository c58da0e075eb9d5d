/** The simulator finds planted bugs: here three quick ones; `npm run sim:bugs` hunts them all. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { hunt } from '../../scripts/sim/hunt.ts';
import { PLANTED_BUGS } from '../../scripts/sim/planted-bugs.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

for (const name of ['send-before-persist', 'weights-ignored', 'liar-not-named']) {
  test(`planted and found: ${name}`, async () => {
    const bug = PLANTED_BUGS.find((candidate) => candidate.name === name)!;
    const { seeds } = await hunt(bug, { root, seedsMax: 40 });
    assert.ok(seeds !== undefined, `${name} was not found`);
  });
}

test('a bug that no longer applies is told', async () => {
  const gone = { ...PLANTED_BUGS[0]!, find: 'what no source file holds' };
  await assert.rejects(hunt(gone, { root, seedsMax: 1 }), /does not apply/);
});
