/** Milliseconds of each phase of a job, as its requester saw them. */
export interface JobTimes {
  readonly total: number;
  readonly plan: number;
  readonly compute: number;
  readonly commit: number;
  readonly collect: number;
}

/** Moments of a job on the monotonic clock; 0 for what did not happen. */
export interface JobMarks {
  readonly startMs: number;
  readonly announcedMs: number;
  /** The last report of a worker. */
  readonly computedMs: number;
  readonly outcomeMs: number;
  readonly certifiedMs: number;
  readonly collectedMs: number;
}

export function timesOf(marks: JobMarks): JobTimes {
  const { startMs, announcedMs, computedMs, outcomeMs, certifiedMs, collectedMs } = marks;
  const openMs = announcedMs === 0 ? startMs : announcedMs;
  // Without a report from any worker all of the waiting counts as compute.
  const computed = computedMs === 0 ? outcomeMs : Math.min(computedMs, outcomeMs);
  return {
    total: collectedMs - startMs,
    plan: openMs - startMs,
    compute: Math.max(0, computed - openMs),
    commit: certifiedMs - Math.max(computed, openMs),
    collect: collectedMs - certifiedMs,
  };
}
