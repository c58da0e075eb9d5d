/**
 * `swarm.map`: a job for each piece of work, results in order. Both bounds are one number: at most
 * `concurrency` jobs are under way or wait to be read, and only then is more work asked for, so a
 * slow reader slows the source down (contract.md, "SDK").
 */
import { KadreError } from '../base/errors.ts';
import { anySignal, rejectOnAbort } from '../base/signals.ts';
import type { JobResult, MapOptions, Swarm, Work } from './types.ts';

const CONCURRENCY_DEFAULT = 4;
const CONCURRENCY_MAX = 64;

/** Errors: USAGE for the concurrency; those of every job, which end the loop. */
export async function* mapJobs(
  swarm: Pick<Swarm, 'submit'>,
  kernel: string,
  works: AsyncIterable<Work> | Iterable<Work>,
  options: MapOptions = {},
): AsyncGenerator<JobResult, void, undefined> {
  const { concurrency = CONCURRENCY_DEFAULT, signal, ...submit } = options;
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > CONCURRENCY_MAX) {
    throw new KadreError({ code: 'USAGE' }, `\`concurrency\` must be 1 to ${CONCURRENCY_MAX}`);
  }
  const leaving = new AbortController();
  const cancel = anySignal(signal, leaving.signal);
  const start = async (work: Work): Promise<JobResult> => {
    const job = await swarm.submit(kernel, work, { ...submit, signal: cancel });
    return job.result();
  };
  const aborted = rejectOnAbort(cancel);
  const source = iteratorOf(works);
  /** Oldest first. */
  const jobs: Promise<JobResult>[] = [];
  let pull: Promise<IteratorResult<Work>> | undefined;
  let isDry = false;
  try {
    for (;;) {
      if (!isDry && jobs.length < concurrency) pull ??= source.next();
      if (pull === undefined && jobs.length === 0) return;
      const next = await firstOf(pull, jobs[0], aborted);
      if ('result' in next) {
        void jobs.shift();
        yield next.result;
        continue;
      }
      pull = undefined;
      isDry = next.pulled.done === true;
      if (next.pulled.done) continue;
      const job = start(next.pulled.value);
      job.catch(() => undefined);
      jobs.push(job);
    }
  } finally {
    leaving.abort(new KadreError({ code: 'INTERRUPTED' }, 'the loop over the results was left'));
    await Promise.allSettled(jobs);
    // A source that is in the middle of a long wait is told, not waited for.
    pull?.catch(() => undefined);
    if (!isDry) void Promise.resolve(source.return?.()).catch(() => undefined);
  }
}

type Next = { readonly pulled: IteratorResult<Work> } | { readonly result: JobResult };

/** Whatever comes first: more work, or the oldest job's end. Nothing that loses is lost. */
function firstOf(
  pull: Promise<IteratorResult<Work>> | undefined,
  job: Promise<JobResult> | undefined,
  aborted: Promise<never>,
): Promise<Next> {
  const ways: Promise<Next>[] = [aborted];
  if (job !== undefined) ways.push(job.then((result) => ({ result })));
  if (pull !== undefined) ways.push(pull.then((pulled) => ({ pulled })));
  return Promise.race(ways);
}

function iteratorOf(works: AsyncIterable<Work> | Iterable<Work>): AsyncIterator<Work> {
  if (Symbol.asyncIterator in works) return works[Symbol.asyncIterator]();
  const inner = works[Symbol.iterator]();
  const end = async (): Promise<IteratorResult<Work>> => {
    inner.return?.();
    return { done: true, value: undefined };
  };
  return { next: async () => inner.next(), return: end };
}
