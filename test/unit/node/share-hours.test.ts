import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isWithin, keepHours, parseHours } from '../../../node/share-hours.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';

test('hours of a day, also over midnight; anything else is refused', () => {
  const within = (text: string) =>
    Array.from({ length: 24 }, (_, hour) => hour).filter((hour) =>
      isWithin(parseHours(text)!, hour),
    );
  assert.deepEqual(within('9-12'), [9, 10, 11]);
  assert.deepEqual(within('22-2'), [0, 1, 22, 23]);
  assert.deepEqual(within('22-0'), [22, 23]);
  assert.equal(within('0-24').length, 24);
  assert.equal(parseHours(''), undefined);
  for (const text of ['x', '9', '9-9', '24-3', '3-25', '0-0', '-1-3', '9-12-3']) {
    assert.throws(() => parseHours(text), { code: 'USAGE' }, text);
  }
});

test('the node rests outside its hours and wakes inside them', async () => {
  const clock = new VirtualClock();
  let hour = 12;
  const told: boolean[] = [];
  const service = keepHours({ clock, localHour: () => hour }, { from: 22, to: 7 }, (why, rests) => {
    assert.equal(why, 'outside its hours, 22-7');
    told.push(rests);
  });
  await service.start!();
  hour = 23;
  await clock.advance(30_000);
  await service.stop!();
  await clock.advance(90_000);
  assert.deepEqual(told, [true, false]);
});
