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

/** Rejects when the signal aborts, and never resolves; nobody has to look at it. */
export function rejectOnAbort(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => undefined);
  const tell = () => {
    try {
      throwIfAborted(signal);
    } catch (cause) {
      reject(cause);
    }
  };
  signal.addEventListener('abort', tell, { once: true });
  tell();
  return promise;
}

/** The caller stops waiting when its signal aborts; the work goes on. Errors: INTERRUPTED. */
export async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    throwIfAborted(signal);
    return await Promise.race([work, aborted.promise]);
  } catch (cause) {
    throwIfAborted(signal);
    throw cause;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
