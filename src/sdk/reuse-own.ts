/**
 * A submission answered by an earlier job of the same requester: one that ended with a certificate,
 * or one that a restart took up again and nobody waits for (docs/protocol/job.md, "Reuse"). What
 * cannot be had any more is run anew; nothing is reused that does not verify here and now.
 */
import { asKadreError } from '../base/errors.ts';
import type { Logger } from '../base/ports.ts';
import { abortable, throwIfAborted } from '../base/signals.ts';
import { standsFor, type WantedWork } from '../job/reuse.ts';
import type { Requester, StartedJob } from '../roles/requester.ts';
import { jobIdText, type StoredJob } from '../store/job-store.ts';

export interface ReuseComponents {
  readonly requester: Pick<Requester, 'list' | 'pickUp'>;
  readonly log: Logger;
}

export interface ReuseInit {
  /** The new submission must go on without its requester. */
  readonly detached: boolean;
  /** Whether somebody waits for this running job already, who could also cancel it. */
  readonly isTaken: (jobId: string) => boolean;
}

/** Earlier jobs that are tried, newest first: workers may have lost what certificates promise. */
const TRIED_MAX = 2;

/** The job and its verified results, or a running one to follow. Errors: INTERRUPTED, STOPPED. */
export async function reuseOwn(
  { requester, log }: ReuseComponents,
  wanted: WantedWork,
  init: ReuseInit,
  { signal }: { readonly signal: AbortSignal },
): Promise<StartedJob | undefined> {
  const fitting = requester
    .list()
    .filter((stored) => isOpenTo(stored, init) && standsFor(stored.job.spec, wanted));
  for (const stored of fitting.reverse().slice(0, TRIED_MAX)) {
    const jobId = jobIdText(stored.job);
    try {
      const started = await abortable(requester.pickUp(jobId, { signal }), signal);
      if (stored.state === 'done') await abortable(started.finished, signal);
      log.log('info', 'job-reused', { jobId, state: stored.state });
      return started;
    } catch (cause) {
      throwIfAborted(signal);
      const { code, message } = asKadreError(cause, 'INTERNAL', 'the earlier job');
      log.log('info', 'job-not-reused', { jobId, code, message });
    }
  }
  return undefined;
}

function isOpenTo(stored: StoredJob, { detached, isTaken }: ReuseInit): boolean {
  const { state, certificate } = stored;
  if (state === 'done') return certificate !== undefined;
  if (state !== 'running' || isTaken(jobIdText(stored.job))) return false;
  return stored.detached || !detached;
}
