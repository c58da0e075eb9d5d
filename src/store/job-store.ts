/**
 * What a requester must remember of a job to pick it up again after a crash: the signed spec before
 * anybody hears of it, the plan before it is announced, the end (docs/protocol/job.md, "A job's
 * record"). On disk for nodes, in memory for clients without a data directory.
 */
import { equalBytes, toHex } from '../base/bytes.ts';
import { KadreError } from '../base/errors.ts';
import { planPackageShape } from '../job/plan.ts';
import { WAIT_PEERS_MS_MAX } from '../job/policy.ts';
import { jobIdOf, type SignedJobSpec, signedJobSpecShape } from '../job/spec.ts';
import { decodeCanonical, encodeCanonical } from '../wire/cbor.ts';
import { LIMITS } from '../wire/limits.ts';
import {
  boolean,
  bytes,
  bytesUpTo,
  type Infer,
  integer,
  oneOf,
  optional,
  struct,
  text,
} from '../wire/shape.ts';
import { RecordFolder } from './record-folder.ts';

/** An outcome's canonical bytes, as the judges compare them. */
const OUTCOME_BYTES_MAX = 8 * 1_048_576;

const storedJobShape = struct({
  v: oneOf(1),
  job: signedJobSpecShape,
  /** It goes on without its requester. */
  detached: boolean,
  waitPeersMs: integer(0, WAIT_PEERS_MS_MAX),
  /** Of the plan: one more for every plan of this job that came to nothing. */
  instance: integer(0, 1024),
  state: oneOf('running', 'done', 'failed', 'cancelled'),
  /** Absent until the cadre is seated. */
  plan: optional(planPackageShape),
  /** A quorum of the cadre said that it opened the plan: it is not planned again. */
  isAnnounced: boolean,
  /** Enough others hold every input. */
  isDetachable: boolean,
  failure: optional(struct({ code: text(64), message: text(4096) })),
  outcome: optional(bytesUpTo(OUTCOME_BYTES_MAX)),
  /** The verified certificate, in the blob store. */
  certificate: optional(struct({ root: bytes(32), bytes: integer(1, LIMITS.certificateBytesMax) })),
  /** Wall time, ms since 1970. */
  submittedMs: integer(),
  endedMs: optional(integer()),
});
export type StoredJob = Infer<typeof storedJobShape>;

const STORED_BYTES_MAX = LIMITS.planBytesMax + OUTCOME_BYTES_MAX + 2 * LIMITS.jobSpecBytesMax;

export interface JobStore {
  /** Every job that can be read; what cannot is reported, not removed. */
  load(onDamaged: (error: KadreError) => void): Promise<StoredJob[]>;
  /** Durable when it resolves; replaces the job's earlier record. Errors: DISK_FAILED. */
  put(job: StoredJob): Promise<void>;
  remove(jobId: string): Promise<void>;
}

export const jobIdText = (job: SignedJobSpec): string => toHex(jobIdOf(job.spec));

export class DiskJobStore implements JobStore {
  readonly #folder: RecordFolder;

  /** `directory` is used by this store alone. */
  constructor(init: { readonly directory: string }) {
    this.#folder = new RecordFolder({ ...init, extension: '.job', name: /^[0-9a-f]{64}$/ });
  }

  async load(onDamaged: (error: KadreError) => void): Promise<StoredJob[]> {
    const jobs: StoredJob[] = [];
    for (const { name, body } of await this.#folder.readAll(onDamaged)) {
      const stored = decodeCanonical(body, storedJobShape, STORED_BYTES_MAX);
      if (stored.ok && jobIdText(stored.value.job) === name && isOfItsJob(stored.value)) {
        jobs.push(stored.value);
      } else {
        const message = `${name}.job does not hold its job`;
        onDamaged(new KadreError({ code: 'DATA_DIR_DAMAGED' }, message));
      }
    }
    return jobs;
  }

  put(job: StoredJob): Promise<void> {
    return this.#folder.write(jobIdText(job.job), encodeCanonical(job));
  }

  remove(jobId: string): Promise<void> {
    return this.#folder.remove(jobId);
  }
}

export class MemoryJobStore implements JobStore {
  readonly #jobs = new Map<string, StoredJob>();

  async load(): Promise<StoredJob[]> {
    return [...this.#jobs.values()];
  }

  async put(job: StoredJob): Promise<void> {
    this.#jobs.set(jobIdText(job.job), job);
  }

  async remove(jobId: string): Promise<void> {
    this.#jobs.delete(jobId);
  }
}

function isOfItsJob({ job, plan }: StoredJob): boolean {
  return plan === undefined || equalBytes(plan.plan.jobId, jobIdOf(job.spec));
}
