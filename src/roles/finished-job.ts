/** What a job that came to its end leaves with its requester. */
import type { PeerId } from '../base/ids.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import type { JobResults } from './job-results.ts';
import type { JobTimes } from './job-times.ts';
import type { readOutcome } from './requester-events.ts';

export interface FinishedJob {
  readonly plan: OpenPlan;
  /** Bytes of each output, in the kernel's output order. */
  readonly outputs: readonly Uint8Array[];
  readonly results: JobResults;
  readonly outcome: ReturnType<typeof readOutcome>;
  readonly kernelMs: ReadonlyMap<PeerId, number>;
  readonly times: JobTimes;
}
