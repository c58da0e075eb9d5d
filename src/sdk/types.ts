/**
 * The public surface of the SDK (contract.md, "SDK"). Implementations: an embedded libp2p client
 * (`embedded-swarm.ts`) and a client of a running node's API (`api-swarm.ts`); both verify
 * certificates and outputs on this side.
 */
import type { ErrorJson } from '../base/errors.ts';
import type { SignalOption } from '../base/ports.ts';
import type { Reuse } from '../job/reuse.ts';
import type { JobStage, WhyReport } from '../job/why.ts';
import type { Dtype, Parameters } from '../kernel/contract.ts';
import type { InputArray, NdArray } from '../kernel/nd-array.ts';
import type { ClientEvent } from '../roles/training/client.ts';
import type { Averaged, AverageOptions } from './average.ts';
import type {
  JoinOptions,
  Training,
  TrainingStatus,
  TrainingStatusOptions,
  TrainOptions,
} from './train.ts';

export interface ConnectOptions extends SignalOption {
  /** `public`, `local`, or the path of a network file. Default `public`. */
  readonly network?: string;
  /** Multiaddrs of nodes to join through; makes this process a client of that swarm. */
  readonly bootstrap?: readonly string[];
  /** Multiaddrs where others reach this client, which coordinates trainings. Default: none. */
  readonly listen?: readonly string[];
  /** URL of a running node's API; excludes `bootstrap`. */
  readonly api?: string;
  /** The API's bearer token. */
  readonly token?: string;
  /** 32-byte Ed25519 seed of the requester's identity; a fresh one when absent. */
  readonly identitySeed?: Uint8Array;
  /** Of that identity, where the network admits by invitation (`kadre network invite`). */
  readonly invitation?: string;
}

export interface Work {
  /** In memory, or from files (`openArrayFile`). */
  readonly inputs?: Readonly<Record<string, InputArray>>;
  readonly parameters?: Parameters;
  /** Default: a count that keeps every worker busy, within the kernel's maximum. */
  readonly shards?: number;
}

export interface SubmitOptions extends SignalOption {
  readonly replicas?: number;
  readonly quorum?: number;
  /** Seats of the cadre; 1 is stated as `single` in the certificate, 0 means no certificate. */
  readonly cadre?: number;
  /** The job fails when not done by then. */
  readonly deadlineMs?: number;
  /** What workers' devices must be: `cuda>=8.0,mem>=16GiB`, `cpu`. Default: anything. */
  readonly requires?: string;
  /** How long to wait for enough capable peers: 0..86,400,000. Default 10 s. */
  readonly waitPeersMs?: number;
  /** The job goes on when its requester leaves, once `detachable` was told. Default false. */
  readonly detached?: boolean;
  /**
   * Which earlier job may answer: `own`, the default, one of the same requester key; `trusted`,
   * also one of anybody, when the network file lists `members` and its whole cadre are such: some
   * of its shards are run here besides; false, none, and workers compute anew what they remember.
   * It must have had the same computation, at least these replicas, quorum and cadre, and the same
   * shards where the work names them. Without a certificate nothing is reused.
   */
  readonly reuse?: Reuse;
}

/** Attributed faults only; slow, silent and refusing workers are in `retries`. */
export interface Dispute {
  readonly shard: number;
  readonly peer: string;
  readonly kind: 'wrong-result' | 'equivocation' | 'withheld';
  /** Record ids (hex) of the signed records that show it. */
  readonly evidence: readonly string[];
}

export interface Retry {
  readonly shard: number;
  readonly peer: string;
  readonly reason: string;
}

export type JobEvent =
  | {
      readonly type: 'planned';
      readonly jobId: string;
      readonly workers: number;
      readonly roster: number;
    }
  | {
      readonly type: 'convened';
      readonly members: readonly string[];
      readonly skipped: readonly number[];
    }
  /** Those who would sit in the cadre have too many plans: the job waits, and asks again. */
  | { readonly type: 'queued'; readonly reasons: readonly string[] }
  | { readonly type: 'claimed'; readonly peer: string; readonly shards: number }
  | { readonly type: 'refused'; readonly peer: string; readonly reason: string }
  /** Enough others hold every input: the job goes on if its requester leaves. */
  | { readonly type: 'detachable'; readonly holders: readonly string[] }
  /** The cadre was lost, these members with it: the job begins again under another one. */
  | {
      readonly type: 'replanned';
      readonly instance: number;
      readonly members: readonly string[];
    }
  /** A member fell silent; its seat in the cadre went to another. */
  | { readonly type: 'replaced'; readonly peer: string }
  | { readonly type: 'progress'; readonly accepted: number; readonly total: number }
  | ({ readonly type: 'retry' } & Retry)
  | ({ readonly type: 'dispute' } & Dispute)
  | { readonly type: 'certified'; readonly bytes: number }
  | { readonly type: 'collected'; readonly bytes: number }
  | { readonly type: 'failed'; readonly error: ErrorJson }
  | { readonly type: 'done' };

/** What `run --json` prints besides files (contract.md). */
export interface JobSummary {
  readonly jobId: string;
  readonly computationId: string;
  readonly kernel: string;
  readonly shards: number;
  readonly replicas: number;
  readonly quorum: number;
  readonly cadre: { readonly n: number; readonly q: number; readonly members: readonly string[] };
  readonly workers: Readonly<Record<string, { readonly shards: number; readonly ms: number }>>;
  readonly disputes: readonly Dispute[];
  readonly retries: readonly Retry[];
  readonly receipts: 'checked' | 'attested' | 'none';
  readonly outputs: Readonly<
    Record<
      string,
      { readonly shape: readonly number[]; readonly dtype: Dtype; readonly digest: string }
    >
  >;
  readonly ms: {
    readonly total: number;
    readonly plan: number;
    readonly compute: number;
    readonly commit: number;
    readonly collect: number;
  };
}

export interface JobResult {
  readonly outputs: Readonly<Record<string, NdArray>>;
  /** The certificate file's bytes; null when the cadre was off. Already verified. */
  readonly certificate: Uint8Array | null;
  readonly summary: JobSummary;
}

export type JobState = 'running' | 'done' | 'failed' | 'cancelled';

/** A job as its requester knows it: what `list` and `describe` print. JSON-safe. */
export interface JobInfo {
  readonly jobId: string;
  readonly computationId: string;
  readonly state: JobState;
  readonly stage: JobStage;
  /** Goes on without its requester. */
  readonly detached: boolean;
  readonly kernel: string;
  readonly parameters: Parameters;
  readonly inputs: readonly {
    readonly name: string;
    readonly dtype: Dtype;
    readonly shape: readonly number[];
    /** Blob root, hex. */
    readonly root: string;
  }[];
  readonly outputs: readonly {
    readonly name: string;
    readonly dtype: Dtype;
    readonly shape: readonly number[];
  }[];
  readonly shards: number;
  readonly accepted: number;
  readonly replicas: number;
  readonly quorum: number;
  /** Seats. */
  readonly cadre: number;
  /** What workers' devices must be, as `SubmitOptions` says it; absent: anything. */
  readonly requires?: string;
  /** Wall time, ms since 1970; null for a job of somebody else. */
  readonly submittedMs: number | null;
  /** Why it failed or was cancelled. */
  readonly error?: ErrorJson;
}

export interface EventsOptions extends SignalOption {
  /** False: what happened so far, without waiting for more. Default true. */
  readonly follow?: boolean;
}

export interface WhyOptions extends SignalOption {
  /** One shard, accepted or not; without it, shards that are not accepted yet. */
  readonly shard?: number;
  /** Where to begin among them; default 0. */
  readonly first?: number;
  /** Rows at most, 1 to 64; default 16. */
  readonly count?: number;
}

/**
 * Disposing of a handle cancels the job if this handle submitted it, attached, and it still runs;
 * any other job goes on. Disposing twice is disposing once.
 */
export interface JobHandle extends AsyncDisposable {
  /** Lowercase hex of the job id. */
  readonly id: string;
  /** Whose earlier job answers this submission (`SubmitOptions.reuse`); false: it was begun now. */
  readonly reused: Reuse;
  /** All events from the beginning, to `done` or `failed`. Leaving the loop stops watching. */
  events(options?: EventsOptions): AsyncIterable<JobEvent>;
  /** Waits for certificate and outputs, verified. Errors: every code with exit 4, 5 and 6. */
  result(options?: SignalOption): Promise<JobResult>;
  /** Canonical bytes of the job spec, of which the id is the hash (docs/protocol/job.md). */
  spec(options?: SignalOption): Promise<Uint8Array>;
  /** The job as its requester knows it now. */
  describe(options?: SignalOption): Promise<JobInfo>;
  /**
   * Who should run the shards, who has them, what they wait for, as judges and workers tell it now.
   * Errors: USAGE for a shard that the job does not have.
   */
  why(options?: WhyOptions): Promise<WhyReport>;
  /** Cancels at workers and cadre; the result then fails with JOB_CANCELLED. */
  cancel(): Promise<void>;
}

export type RetryOptions = Pick<SubmitOptions, 'signal' | 'waitPeersMs'>;

export interface MapOptions extends SubmitOptions {
  /**
   * Jobs under way at once, 1 to 64; default 4. A cadre member takes 8 plans of one requester, so
   * a small swarm refuses more.
   */
  readonly concurrency?: number;
}

export interface KernelInfo {
  readonly id: string;
  readonly digest: string;
  readonly summary: string;
  readonly numericContract: number;
  readonly parameters: readonly unknown[];
  readonly inputs: readonly unknown[];
  readonly outputs: readonly unknown[];
}

export interface PeerInfo {
  readonly peerId: string;
  readonly connected: boolean;
  readonly roles: readonly string[];
  readonly backends: readonly string[];
  readonly kernels: readonly string[];
  readonly addresses: readonly string[];
}

export interface Swarm extends AsyncDisposable {
  /** This client's (or, through the API, that node's) base58 peer id. */
  readonly peerId: string;
  submit(kernel: string, work: Work, options?: SubmitOptions): Promise<JobHandle>;
  /**
   * One job for each piece of work; results in the order of the work. Never holds more than
   * `concurrency` jobs and results; takes the next piece only when there is room. A job that fails
   * ends the loop with its error, and leaving the loop cancels what is under way.
   *
   * @example
   * for await (const { outputs } of swarm.map('gemm.f32@1', tiles())) use(outputs.c);
   */
  map(
    kernel: string,
    works: AsyncIterable<Work> | Iterable<Work>,
    options?: MapOptions,
  ): AsyncGenerator<JobResult, void, undefined>;
  /**
   * A job of this swarm's requester by its id, or by a prefix of at least 8 hex digits that only
   * one job has. Errors: JOB_UNKNOWN, JOB_AMBIGUOUS, USAGE.
   */
  job(id: string, options?: SignalOption): Promise<JobHandle>;
  /**
   * The same work as a new job: kernel, parameters, inputs, shards, policy and requirement of one
   * of this requester's jobs, with a fresh nonce. Errors: JOB_UNKNOWN, BLOB_UNAVAILABLE for an
   * input that is not held any more, and those of `submit`.
   */
  retry(id: string, options?: RetryOptions): Promise<JobHandle>;
  /** Jobs that this swarm's requester knows, oldest first. */
  jobs(options?: SignalOption): Promise<readonly JobInfo[]>;
  /**
   * Coordinates a training: clients join it by its id, every round ends in a certificate. Not
   * through an API: clients connect to this process, which `listen` lets them.
   *
   * @example
   * const training = await swarm.train({ model: 'mlp', data, rounds: 20, clients: 8 });
   * for await (const { round, accuracy } of training) console.log(round, accuracy);
   */
  train(options: TrainOptions): Promise<Training>;
  /**
   * The weighted mean of a tensor over a group of peers who trust each other, the same bits at
   * each. All call it with the same options but `weight`. Not through an API.
   *
   * @example
   * const { values } = await swarm.average(mine, { session: 'step 7', members, codec: 'q8' });
   */
  average(values: Float32Array, options: AverageOptions): Promise<Averaged>;
  /**
   * Takes part in a training until it ends. Data stays here; leaving the loop leaves the training.
   */
  join(id: string, options: JoinOptions): AsyncGenerator<ClientEvent, void, undefined>;
  /** Where a training stands. Errors: TRAINING_UNKNOWN. */
  training(id: string, options?: TrainingStatusOptions): Promise<TrainingStatus>;
  kernels(): Promise<readonly KernelInfo[]>;
  /** Peers whose adverts are known now. */
  peers(): Promise<readonly PeerInfo[]>;
  close(): Promise<void>;
}
