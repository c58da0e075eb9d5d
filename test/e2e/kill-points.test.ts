/**
 * kill -9 at a point of a job's life, restart, and the job completes: a slice of the enumeration
 * over real processes, one point of every kind. All of it: `npm run kill-points`.
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { DEATHS, KillLab, nameOf } from '../support/kill-run.ts';
import { Workplace } from '../support/workplace.ts';

/** A member before and after it promised something, a worker likewise, a holder, a requester. */
const SLICE = [
  'client: after answer open',
  'client: before send commit',
  'client: after write work',
  'client: before send reveal',
  'client, detached: after answer hold',
  'node: after write job (2)',
];
const NODES = 5;

const place = new Workplace();
let lab: KillLab;

before(async () => {
  const dieAt = place.path('die-at.json');
  lab = new KillLab(await place.lab(Array(NODES).fill(null), dieAt), dieAt);
});

for (const name of SLICE) {
  test(name, async () => {
    const death = DEATHS.find((one) => nameOf(one) === name);
    assert.ok(death !== undefined, 'the point exists');
    await lab.run(death);
  });
}
