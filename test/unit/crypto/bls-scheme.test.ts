import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BlsScheme, WAITING_MAX } from '../../../src/crypto/node/bls-scheme.ts';
import { TAGS } from '../../../src/wire/tags.ts';

const INIT = { possessionTag: TAGS.signAdvert };
const NOTHING = new Uint8Array(1);

test('what waits for the worker is bounded: beyond it the answer is no, at once', async () => {
  const scheme = new BlsScheme(INIT);
  // The first goes to the worker by itself.
  const asked = 1 + WAITING_MAX + 10;
  let answered = 0;
  for (let i = 0; i < asked; i++) {
    void scheme.verify(NOTHING, NOTHING, NOTHING).then((holds) => {
      assert.equal(holds, false);
      answered += 1;
    });
  }
  await Promise.resolve();
  await Promise.resolve();
  const atOnce = answered;
  await scheme.close();
  assert.deepEqual([atOnce, answered], [10, asked], 'and nobody waits for ever');
});

test('a process whose worker has nothing to do may end', async () => {
  const scheme = new BlsScheme(INIT);
  assert.equal(await scheme.verify(NOTHING, NOTHING, NOTHING), false);
  assert.ok(!process.getActiveResourcesInfo().includes('MessagePort'));
  await scheme.close();
});
