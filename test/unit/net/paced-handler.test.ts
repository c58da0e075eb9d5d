import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ASKED_BYTES_PER_MINUTE, ASKED_PER_MINUTE, Pace } from '../../../src/net/paced-handler.ts';

const NONE = new Uint8Array(0);

function paced() {
  const clock = { nowMs: 0, monotonicMs: () => clock.nowMs };
  const seen = { messages: 0 };
  const handler = new Pace({ clock }, 'self').of({
    request: async (_, body) => body,
    message: () => {
      seen.messages += 1;
    },
    stream: async function* (_, body) {
      yield body;
    },
  });
  return { clock, seen, handler };
}

test('over its number a peer is told so, others are served, and time heals', async () => {
  const { clock, seen, handler } = paced();
  for (let i = 0; i < ASKED_PER_MINUTE; i++) handler.message!('greedy', NONE);
  handler.message!('greedy', NONE);
  assert.equal(seen.messages, ASKED_PER_MINUTE);
  await assert.rejects(handler.request!('greedy', NONE, {}), { code: 'OVERLOADED' });
  assert.throws(() => handler.stream!('greedy', NONE, {}), { code: 'OVERLOADED' });
  assert.deepEqual(await handler.request!('modest', NONE, {}), NONE);
  clock.nowMs += 1_000;
  assert.deepEqual(await handler.request!('greedy', NONE, {}), NONE);
});

test('bytes count too, and a node does not limit itself', async () => {
  const { handler } = paced();
  const body = new Uint8Array(8 * 1024 ** 2);
  const asks = ASKED_BYTES_PER_MINUTE / body.length;
  for (let i = 0; i < asks; i++) {
    await handler.request!('greedy', body, {});
    await handler.request!('self', body, {});
  }
  await assert.rejects(handler.request!('greedy', body, {}), { code: 'OVERLOADED' });
  assert.equal(await handler.request!('self', body, {}), body);
});

test('what a handler does not have it does not get', () => {
  const pace = new Pace({ clock: { monotonicMs: () => 0 } }, 'self');
  assert.deepEqual(Object.keys(pace.of({ message: () => undefined })), ['message']);
});
