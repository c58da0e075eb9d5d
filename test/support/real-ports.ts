/** The real clock and randomness as ports, and a silent logger, for tests over real sockets. */
import { randomBytes, randomInt } from 'node:crypto';
import type { Clock, Logger, Random } from '../../src/base/ports.ts';

export const realClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

export const realRandom: Random = {
  bytes: (length) => new Uint8Array(randomBytes(length)),
  integer: (bound) => randomInt(bound),
  shuffle: (items) => {
    const out = [...items];
    for (let i = out.length - 1; i > 0; i--) {
      const j = randomInt(i + 1);
      [out[i], out[j]] = [out[j]!, out[i]!];
    }
    return out;
  },
};

export const silentLogger: Logger = { log: () => undefined };
