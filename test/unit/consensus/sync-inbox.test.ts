/** How much of one member's messages may be under verification at once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeMessage, PAYLOAD_BYTES_MAX } from '../../../src/consensus/messages.ts';
import {
  INFLIGHT_BYTES_PER_SEAT_MAX,
  INFLIGHT_PER_SEAT_MAX,
  Inbox,
  type InboxComponents,
} from '../../../src/consensus/sync-inbox.ts';

type Components = InboxComponents<unknown>;

/** An inbox whose judgements wait until they are let go. */
function judging() {
  const entered: number[] = [];
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const judge = async (seat: number) => {
    entered.push(seat);
    return promise;
  };
  const components: Partial<Components> = {
    probation: { onSeen: (seat: number) => judge(seat) } as unknown as Components['probation'],
    client: { onPayload: () => judge(1) } as unknown as Components['client'],
    onFailed: (cause) => assert.fail(String(cause)),
    onRefused: () => assert.fail('nothing is refused'),
  };
  const inbox = new Inbox(components as Components);
  return { inbox, entered, finish: () => resolve(undefined) };
}

const SEEN = encodeMessage({ kind: 'seen', messages: [] });

test('one seat has a bounded number under way, and the others theirs', async () => {
  const { inbox, entered, finish } = judging();
  for (let i = 0; i < 2 * INFLIGHT_PER_SEAT_MAX; i++) inbox.receive(1, SEEN);
  inbox.receive(2, SEEN);
  assert.equal(entered.filter((seat) => seat === 1).length, INFLIGHT_PER_SEAT_MAX);
  assert.equal(entered.filter((seat) => seat === 2).length, 1);
  assert.equal(inbox.occupancy.inflight, INFLIGHT_PER_SEAT_MAX + 1);
  finish();
  await new Promise(setImmediate);
  assert.equal(inbox.occupancy.inflight, 0);
  inbox.receive(1, SEEN);
  assert.equal(entered.length, INFLIGHT_PER_SEAT_MAX + 2, 'there is room again');
});

test('its bytes are bounded, too', async () => {
  const { inbox, entered, finish } = judging();
  const large = encodeMessage({
    kind: 'payload',
    id: new Uint8Array(32),
    bytes: new Uint8Array(PAYLOAD_BYTES_MAX),
  });
  const fitting = Math.floor(INFLIGHT_BYTES_PER_SEAT_MAX / large.length);
  for (let i = 0; i < 2 * fitting; i++) inbox.receive(1, large);
  assert.equal(entered.length, fitting);
  finish();
  await new Promise(setImmediate);
  inbox.receive(1, large);
  assert.equal(entered.length, fitting + 1);
});
