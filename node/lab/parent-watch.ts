/**
 * A lab node must not outlive its lab: the parent holds the other end of the child's stdin, and its
 * end of file means that the parent is gone, however it ended (contract.md: within 2 s).
 */
import type { Readable } from 'node:stream';

/** From the end of the pipe to the end of the process, at most. */
const GRACE_MS = 1500;

export interface ParentWatch {
  /** Stops watching; idempotent. */
  cancel(): void;
}

/**
 * Calls `stop` once the pipe ends; a process that still runs after the grace is killed, because a
 * node that hangs while stopping is just what the watch is for.
 */
export function watchParent(
  pipe: Readable,
  stop: () => Promise<unknown>,
  kill: () => void = () => process.kill(process.pid, 'SIGKILL'),
): ParentWatch {
  let isWatching = true;
  const onGone = () => {
    if (!isWatching) return;
    isWatching = false;
    // Unreferenced: a process that has nothing left to do ends by itself before that.
    setTimeout(kill, GRACE_MS).unref();
    stop().catch(() => undefined);
  };
  pipe.once('end', onGone);
  pipe.once('close', onGone);
  pipe.once('error', onGone);
  pipe.resume();
  return {
    cancel: () => {
      isWatching = false;
    },
  };
}
