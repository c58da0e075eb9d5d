/** Records on disk: damage is found, reported and left alone; the rest is used. */
import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { planIdOf } from '../../../src/job/plan.ts';
import { DiskEndedPlanStore, type EndedPlan } from '../../../src/store/ended-plan-store.ts';
import { DiskJobStore } from '../../../src/store/job-store.ts';
import { DiskLogFolder, type LogFolder } from '../../../src/store/log-folder.ts';
import { LogWorkStore, type WorkStore } from '../../../src/store/work-store.ts';
import { storedJob } from '../../conformance/job-store.ts';
import { digestOf, makePackage } from '../../support/job-factory.ts';

async function folder(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'kadre-records-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

test('a job record that is damaged anywhere is reported, and the others are read', async (t) => {
  const directory = await folder(t);
  const store = new DiskJobStore({ directory });
  await store.put(storedJob(1));
  await store.put(storedJob(2));
  const [file] = await readdir(directory);
  const good = await readFile(join(directory, file!));
  const load = async () => {
    const damaged: string[] = [];
    const jobs = await store.load(({ code }) => damaged.push(code));
    return [jobs.length, ...damaged];
  };
  assert.deepEqual(await load(), [2]);
  for (const at of [0, 40, Math.floor(good.length / 2), good.length - 1]) {
    const bad = Buffer.from(good);
    bad[at]! ^= 1;
    await writeFile(join(directory, file!), bad);
    assert.deepEqual(await load(), [1, 'DATA_DIR_DAMAGED'], `byte ${at}`);
  }
  for (const bytes of [0, 3, good.length - 1]) {
    await writeFile(join(directory, file!), good.subarray(0, bytes));
    assert.deepEqual(await load(), [1, 'DATA_DIR_DAMAGED'], `${bytes} bytes`);
  }
  await writeFile(join(directory, file!), good);
  await writeFile(join(directory, 'notes.txt'), 'not ours');
  await writeFile(join(directory, `${'0'.repeat(64)}.job`), good);
  assert.deepEqual(await load(), [2, 'DATA_DIR_DAMAGED'], 'under a name of another job');
});

const ended = (id: number, endedMs: number): EndedPlan => ({
  jobId: digestOf(id),
  computationId: digestOf(id, 1),
  planId: digestOf(id, 2),
  endedMs,
  package: { root: digestOf(id, 3), bytes: 10 },
  ...(id % 2 === 0 ? { certificate: { root: digestOf(id, 4), bytes: 20 } } : {}),
  outcome: Uint8Array.of(id),
});

test('ended plans come back in batches, oldest first, and leave in batches', async (t) => {
  const directory = await folder(t);
  const store = new DiskEndedPlanStore({ directory });
  const [late, early] = [[ended(1, 2_000), ended(2, 2_000)], [ended(3, 1_000)]];
  await store.put(late);
  await store.put(early);
  const load = () =>
    new DiskEndedPlanStore({ directory }).load((error) => assert.fail(error.message));
  assert.deepEqual(await load(), [early, late]);
  await store.remove(early);
  assert.deepEqual(await load(), [late]);
});

const { package: pkg } = makePackage({ nodes: 4, shards: 2 });
const planId = planIdOf(pkg.plan);
const SEALED = {
  kind: 'sealed' as const,
  wave: 0,
  shards: Uint8Array.of(0, 0, 0, 1),
  record: Uint8Array.of(1),
  salts: new Uint8Array(16),
  digests: digestOf(1),
};
const ASSIGNED = { kind: 'assigned' as const, wave: 0, shards: Uint8Array.of(0, 0, 0, 1) };
const recover = (store: WorkStore, damaged: string[] = []) =>
  store.recover(({ code }) => damaged.push(code));

test('work is on disk from its first seal on, and gone when its plan is over', async (t) => {
  const directory = await folder(t);
  const store = new LogWorkStore(new DiskLogFolder({ directory }));
  assert.deepEqual(await recover(store), []);
  const log = store.create({ planId, takenMs: 5, package: pkg });
  assert.deepEqual(await readdir(directory), [], 'nothing sealed, nothing written');
  await log.append([ASSIGNED, SEALED]);
  await log.append([{ ...SEALED, wave: 1 }]);
  await log.close();
  await assert.rejects(log.append([SEALED]), { code: 'STOPPED' });

  const [work] = await recover(new LogWorkStore(new DiskLogFolder({ directory })));
  assert.deepEqual(work?.plan, { kind: 'plan', v: 1, planId, takenMs: 5, package: pkg });
  assert.deepEqual(work?.records, [ASSIGNED, SEALED, { ...SEALED, wave: 1 }]);
  await work!.log.append([{ ...SEALED, wave: 2 }]);
  await work!.log.remove();
  assert.deepEqual(await readdir(directory), []);
});

test('a log that is there already is neither written to nor left open', async (t) => {
  const directory = await folder(t);
  const disk = new DiskLogFolder({ directory });
  const open = new Set<object>();
  const watched: LogFolder = {
    list: () => disk.list(),
    remove: (name) => disk.remove(name),
    replace: (name, records) => disk.replace(name, records),
    open: async (name, options) => {
      const opened = await disk.open(name, options);
      open.add(opened.wal);
      const close = async () => {
        await opened.wal.close();
        open.delete(opened.wal);
      };
      return { ...opened, wal: { append: (records) => opened.wal.append(records), close } };
    },
  };
  const store = new LogWorkStore(watched);
  const first = store.create({ planId, takenMs: 5, package: pkg });
  await first.append([SEALED]);
  await first.close();
  const second = store.create({ planId, takenMs: 6, package: pkg });
  await assert.rejects(second.append([SEALED]), { code: 'DATA_DIR_DAMAGED' });
  assert.equal(open.size, 0);
  const [work] = await recover(store);
  assert.equal(work?.plan.takenMs, 5);
  await work?.log.close();
});

test('a torn work log keeps what was acknowledged; a foreign one is reported', async (t) => {
  const directory = await folder(t);
  const store = new LogWorkStore(new DiskLogFolder({ directory }));
  const log = store.create({ planId, takenMs: 5, package: pkg });
  await log.append([SEALED]);
  await log.close();
  const [file] = await readdir(directory);
  await appendFile(join(directory, file!), 'torn');
  const [work] = await recover(store);
  assert.deepEqual(work?.records, [SEALED]);
  await work!.log.close();
  await writeFile(
    join(directory, `${'ab'.repeat(32)}.work`),
    await readFile(join(directory, file!)),
  );
  const damaged: string[] = [];
  const recovered = await recover(store, damaged);
  for (const one of recovered) await one.log.close();
  assert.deepEqual([recovered.length, damaged], [1, ['DATA_DIR_DAMAGED']]);
  await rm(join(directory, `${'ab'.repeat(32)}.work`));
  const other = store.create({ planId: digestOf(9), takenMs: 5, package: pkg });
  await other.append([SEALED]);
  await other.close();
  const found = await recover(store, damaged);
  for (const one of found) await one.log.close();
  assert.deepEqual([found.length, damaged.length], [1, 2], 'a package of another plan');
});
