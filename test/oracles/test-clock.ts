/** Real time for tests that run real processes. */
import type { Clock, Logger } from '../../src/base/ports.ts';

export const testClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

export const silentLogger: Logger = { log: () => undefined };
