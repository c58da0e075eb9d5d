/** The simulated disk behind the real log: what is acknowledged stays, what is not may be torn. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { utf8 } from '../../../src/base/bytes.ts';
import { SeededRandom } from '../../../src/sim/seeded-random.ts';
import { SimDisk } from '../../../src/sim/sim-disk.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';

function machine(seed: number) {
  const clock = new VirtualClock();
  const disk = new SimDisk(
    { clock, random: new SeededRandom(seed) },
    { syncMsMin: 5, syncMsMax: 5, nameLoss: 0 },
  );
  let life = 0;
  const open = () => {
    const mine = life;
    return disk.folder(() => life === mine).open('log', { entry: 'lazy' });
  };
  const crash = () => {
    life += 1;
    disk.crash();
  };
  return { clock, disk, open, crash };
}

test('acknowledged records survive, an unacknowledged group is whole or gone', async () => {
  const survivors = new Set<number>();
  let torn = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const { clock, open, crash } = machine(seed);
    const { wal } = await open();
    await clock.run(wal.append([utf8('kept')]));
    const lost = wal.append([utf8('half'), utf8('other half')]);
    lost.then(
      () => assert.fail('acknowledged by a dead machine'),
      () => assert.fail('a dead machine says nothing'),
    );
    await clock.advance(1);
    crash();
    const again = await clock.run(open());
    survivors.add(again.records.length);
    torn += again.tornBytes > 0 ? 1 : 0;
    // What was repaired can be written on.
    await clock.run(again.wal.append([utf8('new')]));
    crash();
    assert.equal((await clock.run(open())).records.length, again.records.length + 1);
  }
  assert.deepEqual([...survivors].sort(), [1, 3]);
  assert.ok(torn > 20, `${torn} torn tails in 60 crashes`);
});

test('a young file whose name was never synced may be gone', async () => {
  let gone = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const clock = new VirtualClock();
    const random = new SeededRandom(seed);
    const disk = new SimDisk({ clock, random }, { syncMsMin: 1, syncMsMax: 1 });
    const { wal } = await disk.folder(() => true).open('log', { entry: 'lazy' });
    await clock.run(wal.append([utf8('record')]));
    disk.crash();
    gone += (await disk.folder(() => true).list()).length === 0 ? 1 : 0;
  }
  assert.ok(gone > 5 && gone < 35, `${gone} of 40`);
});

test('only what is synced is held', async () => {
  const { clock, disk, open } = machine(1);
  const { wal } = await open();
  const written = wal.append([utf8('a record of its own')]);
  await clock.advance(4);
  assert.equal(disk.holds(utf8('a record of its own')), false);
  await clock.run(written);
  assert.equal(disk.holds(utf8('a record of its own')), true);
});
