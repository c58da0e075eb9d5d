import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReplayLog } from '../../../src/roles/replay-log.ts';
import { settled } from '../../../src/sim/virtual-clock.ts';

async function all<T>(log: ReplayLog<T>): Promise<T[]> {
  const events: T[] = [];
  for await (const event of log.follow()) events.push(event);
  return events;
}

test('late readers get everything from the beginning, and the end', async () => {
  const log = new ReplayLog<number>({ max: 10 });
  log.push(1);
  const early = all(log);
  log.push(2);
  await settled();
  log.push(3);
  log.close();
  log.push(4);
  assert.deepEqual(
    [await early, await all(log)],
    [
      [1, 2, 3],
      [1, 2, 3],
    ],
  );
});

test('beyond the bound the oldest are lost, and counted', async () => {
  const log = new ReplayLog<number>({ max: 3 });
  for (let i = 0; i < 10; i++) log.push(i);
  log.close();
  assert.deepEqual([await all(log), log.dropped], [[7, 8, 9], 7]);
});

test('a slow reader skips what was lost, and never sees an event twice', async () => {
  const log = new ReplayLog<number>({ max: 2 });
  const seen: number[] = [];
  const reading = (async () => {
    for await (const event of log.follow()) {
      seen.push(event);
      if (event === 0) for (let i = 1; i < 6; i++) log.push(i);
      if (event === 5) log.close();
    }
  })();
  log.push(0);
  await reading;
  assert.deepEqual(seen, [0, 4, 5]);
});

test('leaving the loop ends the reader and nothing else', async () => {
  const log = new ReplayLog<number>({ max: 3 });
  log.push(1);
  for await (const event of log.follow()) {
    assert.equal(event, 1);
    break;
  }
  log.push(2);
  log.close();
  assert.deepEqual(await all(log), [1, 2]);
});
