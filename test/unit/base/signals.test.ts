import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { KadreError } from '../../../src/base/errors.ts';
import type { Clock } from '../../../src/base/ports.ts';
import { anySignal, sleep, throwIfAborted } from '../../../src/base/signals.ts';

/** A clock whose timers fire only when the test says so. */
function manualClock() {
  const timers = new Set<() => void>();
  const clock: Clock = {
    wallMs: () => 0,
    monotonicMs: () => 0,
    setTimer: (_delayMs, callback) => {
      timers.add(callback);
      return { cancel: () => void timers.delete(callback) };
    },
  };
  return { clock, timers };
}

describe('signals', () => {
  test('the first of several signals aborts the joined one; absent ones are skipped', () => {
    const [a, b] = [new AbortController(), new AbortController()];
    const joined = anySignal(a.signal, undefined, b.signal);
    assert.equal(joined.aborted, false);
    b.abort('why');
    assert.equal(joined.reason, 'why');
  });

  test('an abort is INTERRUPTED unless its reason is already a coded error', () => {
    throwIfAborted(undefined);
    throwIfAborted(new AbortController().signal);
    assert.throws(() => throwIfAborted(AbortSignal.abort()), { code: 'INTERRUPTED' });
    const reason = new KadreError({ code: 'DEADLINE_PASSED' }, 'late');
    assert.throws(() => throwIfAborted(AbortSignal.abort(reason)), reason);
  });

  test('sleep ends with its timer and leaves no listener', async () => {
    const { clock, timers } = manualClock();
    const pending = sleep(clock, 10, { signal: new AbortController().signal });
    for (const fire of timers) fire();
    await pending;
  });

  test('sleep ends with its signal and leaves no timer', async () => {
    const { clock, timers } = manualClock();
    const controller = new AbortController();
    const pending = sleep(clock, 10, { signal: controller.signal });
    assert.equal(timers.size, 1);
    controller.abort(new Error('stop'));
    await assert.rejects(pending, { message: 'stop' });
    assert.equal(timers.size, 0);
    await assert.rejects(sleep(clock, 10, { signal: controller.signal }), { message: 'stop' });
    assert.equal(timers.size, 0);
  });
});
