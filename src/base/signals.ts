/** Abort signals: joining, deadlines, and waiting that cleans up after itself. */
import { KadreError } from './errors.ts';
import type { Clock, SignalOption } from './ports.ts';

/** One signal that aborts with the first of the given ones; absent ones are skipped. */
export function anySignal(...signals: readonly (AbortSignal | undefined)[]): AbortSignal {
  return AbortSignal.any(signals.filter((signal) => signal !== undefined));
}

/** Rejects with the signal's reason, or INTERRUPTED when that is no Error. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return;
  if (signal.reason instanceof KadreError) throw signal.reason;
  throw new KadreError({ code: 'INTERRUPTED' }, 'aborted by the caller', { cause: signal.reason });
}

/** Resolves after `delayMs` on the given clock; rejects at once when aborted. */
export function sleep(clock: Clock, delayMs: number, options: SignalOption = {}): Promise<void> {
  const { signal } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.setTimer(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
