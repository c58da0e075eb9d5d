/** The simulator finds planted bugs: here some quick ones; `npm run sim:bugs` hunts them all. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ALL_PLANTED_BUGS } from '../../scripts/sim/all-planted-bugs.ts';
import { hunt } from '../../scripts/sim/hunt.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

const QUICK = [
  ...['send-before-persist', 'weights-ignored', 'liar-not-named'],
  // Of a cadre alone: one by signatures, one by the disk, one by certificates, one by liveness.
  ...['epoch-unsigned', 'sent-before-fsync', 'two-f-plus-one', 'lock-check-when-voting'],
];

for (const name of QUICK) {
  test(`planted and found: ${name}`, async () => {
    const bug = ALL_PLANTED_BUGS.find((candidate) => candidate.name === name)!;
    const { seeds } = await hunt(bug, { root, seedsMax: 40 });
    assert.ok(seeds !== undefined, `${name} was not found`);
  });
}

test('a bug that no longer applies is told', async () => {
  const gone = { ...ALL_PLANTED_BUGS[0]!, find: 'what no source file holds' };
  await assert.rejects(hunt(gone, { root, seedsMax: 1 }), /does not apply/);
});
