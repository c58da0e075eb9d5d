import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { utf8 } from '../../../src/base/bytes.ts';
import { SeededRandom } from '../../../src/sim/seeded-random.ts';
import { SimDisk } from '../../../src/sim/sim-disk.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';
import { DiskLogFolder } from '../../../src/store/log-folder.ts';
import { LogPlanStore } from '../../../src/store/plan-store.ts';
import { firstEpoch, giveAway } from '../../support/epochs.ts';
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
  const [last, ...more] = await recover();
  await last?.log.wal.close();
  assert.deepEqual([last?.plan.planId, more], [stored.planId, []]);
  assert.deepEqual([damaged, (await readdir(directory)).length], [[], 1]);
  await store.remove(stored.planId);
  assert.deepEqual(await readdir(directory), []);
});

const changing = makeJob({ nodes: 8, shards: 2, policy: { replicas: 2, cadre: 4 } });
const { links, history } = giveAway(changing, firstEpoch(changing), 2);
const changed = { ...stored, planId: changing.plan.planId, package: changing.plan.package };
const textOf = (records: readonly Uint8Array[]) =>
  records.map((one) => Buffer.from(one).toString());

test("the log of a later epoch takes the earlier one's place, and is whole or not there", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'kadre-plans-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const store = new LogPlanStore(new DiskLogFolder({ directory }));
  const damaged: string[] = [];
  const recover = () => store.recover(({ code }) => damaged.push(code));
  const first = await store.create(changed);
  await first.wal.append([utf8('of epoch 0')]);
  await first.wal.close();
  const [name] = await readdir(directory);
  // A power cut before the new log was whole: the old one counts, the rest goes.
  await writeFile(join(directory, `${name}.next`), 'half a log');
  const [before] = await recover();
  await before?.log.wal.close();
  assert.deepEqual([before?.handover, textOf(before!.log.records)], [undefined, ['of epoch 0']]);
  assert.deepEqual(await readdir(directory), [name]);

  const second = await store.begin(changed, { links, history });
  await second.wal.append([utf8('of epoch 1')]);
  await second.wal.close();
  assert.deepEqual(await readdir(directory), [name]);
  const [after] = await recover();
  await after?.log.wal.close();
  assert.deepEqual(after?.plan.keySeed, stored.keySeed);
  assert.deepEqual(after?.handover, { links, history });
  assert.deepEqual(textOf(after.log.records), ['of epoch 1']);
  assert.deepEqual(damaged, []);
});

test('a long history comes back from its parts; one that lacks some is damage', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'kadre-plans-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const folder = new DiskLogFolder({ directory });
  const store = new LogPlanStore(folder);
  const damaged: string[] = [];
  const long = new Uint8Array(1_500_000).map((_, i) => i % 251);
  const log = await store.begin(changed, { links, history: long });
  await log.wal.close();
  const [back] = await store.recover(({ code }) => damaged.push(code));
  await back?.log.wal.close();
  assert.deepEqual(back?.handover?.history, long);
  const [name] = await readdir(directory);
  const whole = await folder.open(name!);
  await whole.wal.close();
  const cut = await folder.replace(name!, whole.records.slice(0, -1));
  await cut.wal.close();
  assert.deepEqual(await store.recover(({ code }) => damaged.push(code)), []);
  assert.deepEqual(damaged, ['DATA_DIR_DAMAGED']);
});

test('a power cut while an epoch changes leaves the old log or the new one', async () => {
  const ends = new Set<string>();
  for (let cutMs = 0; cutMs < 60; cutMs++) {
    const clock = new VirtualClock();
    const random = new SeededRandom(cutMs);
    const disk = new SimDisk({ clock, random }, { syncMsMin: 5, syncMsMax: 9, nameLoss: 1 });
    const power = { isOn: true };
    const store = new LogPlanStore(disk.folder(() => power.isOn));
    const log = await clock.run(store.create(changed));
    await clock.run(log.wal.append([utf8('of epoch 0')]));
    await clock.advance(60_000);
    void store.begin(changed, { links, history });
    await clock.advance(cutMs);
    power.isOn = false;
    disk.crash();
    const after = new LogPlanStore(disk.folder(() => true));
    const [back] = await clock.run(after.recover(({ message }) => assert.fail(message)));
    assert.ok(back !== undefined, `lost with a cut after ${cutMs} ms`);
    const isNew = back.handover !== undefined;
    if (isNew) assert.deepEqual(back.handover, { links, history });
    else assert.deepEqual(textOf(back.log.records), ['of epoch 0']);
    ends.add(isNew ? 'new' : 'old');
  }
  assert.deepEqual(ends, new Set(['old', 'new']));
});
