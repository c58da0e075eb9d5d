import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  decodeIdentity,
  encodeIdentity,
  openIdentity,
  readIdentity,
} from '../../../src/crypto/node/keystore.ts';
import { equalSecrets, randomToken } from '../../../src/crypto/node/secret.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kadre-keystore-'));
});
after(() => rm(folder, { recursive: true, force: true }));

const damaged = { code: 'DATA_DIR_DAMAGED' };

test('an identity is made once, owned by its user alone, and read back', async () => {
  const file = join(folder, 'identity');
  assert.equal(await readIdentity(file), undefined);
  const made = await openIdentity(file);
  assert.equal(made.created, true);
  assert.equal(made.seed.length, 32);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.deepEqual(await openIdentity(file), { seed: made.seed, created: false });
  assert.deepEqual(await readdir(folder), ['identity'], 'no temporary file is left');
});

test('of many at once one wins, and all have its key', async () => {
  const file = join(folder, 'raced');
  const all = await Promise.all(Array.from({ length: 8 }, () => openIdentity(file)));
  assert.equal(all.filter((identity) => identity.created).length, 1);
  for (const { seed } of all) assert.deepEqual(seed, all[0]!.seed);
});

test('any change to the file is damage, and it is left as it is', async () => {
  const file = join(folder, 'changed');
  const text = encodeIdentity(Uint8Array.from({ length: 32 }, (_, i) => i));
  for (let i = 0; i < text.length; i++) {
    const changed = `${text.slice(0, i)}${text[i] === '0' ? '1' : '0'}${text.slice(i + 1)}`;
    assert.equal(decodeIdentity(changed), undefined, `character ${i}`);
  }
  for (const content of ['', text.slice(0, 40), `${text} `, text.toUpperCase(), 'x'.repeat(300)]) {
    await writeFile(file, content, { mode: 0o600 });
    await assert.rejects(openIdentity(file), damaged, JSON.stringify(content.slice(0, 20)));
    assert.equal(await readFile(file, 'utf8'), content);
  }
});

test('a key that others can read is refused', async () => {
  const file = join(folder, 'open');
  await writeFile(file, encodeIdentity(new Uint8Array(32)), { mode: 0o600 });
  await chmod(file, 0o640);
  await assert.rejects(openIdentity(file), damaged);
});

test('a place that cannot be written is told apart from damage', async () => {
  await assert.rejects(openIdentity(join(folder, 'missing', 'identity')), { code: 'DISK_FAILED' });
  await assert.rejects(openIdentity(folder), damaged);
});

test('tokens are long, different, and compared whole', () => {
  const token = randomToken();
  assert.match(token, /^[\w-]{43}$/);
  assert.notEqual(randomToken(), token);
  assert.equal(equalSecrets(token, token), true);
  assert.equal(equalSecrets(token, token.slice(0, -1)), false);
  assert.equal(equalSecrets('', token), false);
});
