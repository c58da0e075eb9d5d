/** The real clock and real chance, and a logger that writes nothing. */
import { randomBytes, randomInt } from 'node:crypto';
import type { Clock, Logger, Random } from '../../base/ports.ts';

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer: (delayMs, callback) => {
    const timer = setTimeout(callback, Math.max(0, delayMs));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

export const systemRandom: Random = {
  bytes: (length) => Uint8Array.from(randomBytes(length)),
  integer: (bound) => randomInt(bound),
  /** Fisher-Yates. */
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
