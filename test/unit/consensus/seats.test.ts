/** Where an epoch's chain begins. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { genesisId, genesisQc } from '../../../src/consensus/seats.ts';
import { sha256 } from '../../../src/crypto/portable/hash.ts';

const domain = { planId: new Uint8Array(32), epoch: 1, cadreRoot: new Uint8Array(32).fill(1) };

test('an epoch begins from what the one before came to: another end, another first block', () => {
  const origins = [undefined, sha256(new Uint8Array(1)), sha256(new Uint8Array(2))];
  const ids = origins.map((origin) => genesisId({ ...domain, ...(origin && { origin }) }));
  assert.equal(new Set(ids.map(String)).size, 3);
  const { blockId } = genesisQc({ ...domain, origin: origins[1]! });
  assert.deepEqual(blockId, ids[1]);
});
