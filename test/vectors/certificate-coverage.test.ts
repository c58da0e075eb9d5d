/** One bad vector per check, found mechanically: the vectors visit all of the verifier. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { verify } from '../../src/verify.ts';
import { answersOf, type VectorFile } from '../support/certificate/vector-file.ts';
import { verifierCoverage } from '../support/verifier-coverage.ts';

const vectors: VectorFile = JSON.parse(
  readFileSync(new URL('certificate.json', import.meta.url), 'utf8'),
);

/** What no vector can reach, each with the reason. */
const UNREACHED = [
  // Typed arrays, which JSON cannot hold: test/unit/certificate/check-arrays.test.ts.
  'check-arrays.ts: : held',
  'check-arrays.ts: ?? dtype',
  'check-arrays.ts: ?? held',
  // A seat's place in a part of a roster is known to be there before its role is read.
  'check-cadre.ts: ?? false',
  // Over a million placements: test/unit/certificate/verdict.test.ts.
  "check-entitlement.ts: return accept('claimed');",
  // What has a version and a kind is a map, and a map's problems have a path.
  "format.ts: || 'value'",
  // Not for verdicts: requesters ask it where to fetch outputs.
  'open.ts: (shard) =>',
];

test('the vectors enter every block of the verifier', async () => {
  const { blocks, unvisited } = await verifierCoverage(() => answersOf(vectors, verify));
  assert.ok(blocks > 400, `only ${blocks} blocks were seen`);
  assert.deepEqual(unvisited, UNREACHED);
});
