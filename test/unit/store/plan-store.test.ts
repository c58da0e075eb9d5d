import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { utf8 } from '../../../src/base/bytes.ts';
import { DiskLogFolder } from '../../../src/store/log-folder.ts';
import { LogPlanStore } from '../../../src/store/plan-store.ts';
import { digestOf, makeJob } from '../../support/job-factory.ts';

const { plan } = makeJob({ nodes: 4, shards: 2 });
const stored = {
  planId: plan.planId,
  keySeed: new Uint8Array(32).fill(7),
  package: plan.package,
  detached: true,
};

test('a plan and its records come back; a torn or foreign log is told apart', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'kadre-plans-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const store = new LogPlanStore(new DiskLogFolder({ directory }));
  const damaged: string[] = [];
  const recover = () => store.recover(({ code }) => damaged.push(code));
  assert.deepEqual(await recover(), []);

  const log = await store.create(stored);
  await log.wal.append([utf8('one'), utf8('two')]);
  await log.wal.close();
  const [file] = await readdir(directory);
  await appendFile(join(directory, file!), 'torn');
  const [back] = await recover();
  assert.deepEqual(back?.plan.keySeed, stored.keySeed);
  assert.deepEqual(back?.plan.package, stored.package);
  assert.deepEqual(
    back?.log.records.map((record) => Buffer.from(record).toString()),
    ['one', 'two'],
  );
  await back?.log.wal.close();
  await assert.rejects(store.create(stored), { code: 'DATA_DIR_DAMAGED' });

  const other = await store.create({ ...stored, planId: digestOf(9) });
  await other.wal.append([utf8('one')]);
  await other.wal.close();
  const [own] = await recover();
  await own?.log.wal.close();
  assert.deepEqual(damaged.splice(0), ['DATA_DIR_DAMAGED'], 'a package of another plan');
  await store.remove(digestOf(9));

  await writeFile(join(directory, `${'00'.repeat(32)}.wal`), '');
  assert.equal((await recover()).length, 1);
  assert.deepEqual([damaged, (await readdir(directory)).length], [[], 1]);
  await store.remove(stored.planId);
  assert.deepEqual(await readdir(directory), []);
});
