/** A job as `list` and `describe` show it, from the running job, its record, or both. */
import { toHex } from '../base/bytes.ts';
import type { ErrorJson } from '../base/errors.ts';
import { resolveJob } from '../job/build-spec.ts';
import { computationIdOf, type JobSpec } from '../job/spec.ts';
import type { JobStage } from '../job/why.ts';
import { recordedFailure } from '../roles/job-records.ts';
import type { RequesterJob } from '../roles/requester-job.ts';
import type { StoredJob } from '../store/job-store.ts';
import { requirementText } from '../swarm/requirement.ts';
import type { JobInfo, JobState } from './types.ts';

export interface JobFacts {
  readonly spec: JobSpec;
  /** Running, or ended while somebody held on to it. */
  readonly job: RequesterJob | undefined;
  readonly stored: StoredJob | undefined;
  readonly isRunning: boolean;
}

export function jobInfo(jobId: string, facts: JobFacts): JobInfo {
  const { spec, job, stored } = facts;
  const { kernel, parameters, inputs, shards, policy, requires } = spec;
  const state = stateOf(facts);
  const error = job?.error ?? errorOf(stored);
  return {
    jobId,
    computationId: toHex(computationIdOf(spec)),
    state,
    stage: job?.stage ?? stageOf(state),
    detached: job?.isDetached ?? stored?.detached ?? false,
    kernel,
    parameters,
    inputs: inputs.map((input) => ({ ...input, root: toHex(input.root) })),
    outputs: outputsOf(spec),
    shards,
    accepted: state === 'done' ? shards : (job?.accepted ?? 0),
    replicas: policy.replicas,
    quorum: policy.quorum,
    cadre: policy.cadre,
    ...(requires === undefined ? {} : { requires: requirementText(requires) }),
    submittedMs: stored?.submittedMs ?? null,
    ...(error === undefined ? {} : { error }),
  };
}

/** Of a record, with the table's advice; undefined for a job that did not fail. */
export function errorOf(stored: StoredJob | undefined): ErrorJson | undefined {
  return recordedFailure(stored)?.toJSON();
}

function stateOf({ job, stored, isRunning }: JobFacts): JobState {
  if (job?.error !== undefined) return job.error.code === 'JOB_CANCELLED' ? 'cancelled' : 'failed';
  if (isRunning) return 'running';
  return stored?.state ?? (job?.stage === 'done' ? 'done' : 'running');
}

function stageOf(state: JobState): JobStage {
  if (state === 'running') return 'computing';
  return state === 'done' ? 'done' : 'failed';
}

/** None for a kernel that this build no longer has. */
function outputsOf({ kernel, parameters, inputs, shards }: JobSpec): JobInfo['outputs'] {
  try {
    const { resolved } = resolveJob({ kernelId: kernel, parameters, inputs, shards });
    return resolved.outputs.map(({ name, dtype, shape }) => ({ name, dtype, shape }));
  } catch {
    return [];
  }
}
