/**
 * The public surface of the SDK (contract.md, "SDK"). Implementations: an embedded libp2p client
 * (`embedded-swarm.ts`) and a client of a running node's API (`api-swarm.ts`); both verify
 * certificates and outputs on this side.
 */
import type { ErrorJson } from '../base/errors.ts';
import type { SignalOption } from '../base/ports.ts';
import type { Dtype, Parameters } from '../kernel/contract.ts';
import type { NdArray } from '../kernel/nd-array.ts';

export interface ConnectOptions extends SignalOption {
  /** `public`, `local`, or the path of a network file. Default `public`. */
  readonly network?: string;
  /** Multiaddrs of nodes to join through; makes this process a client of that swarm. */
  readonly bootstrap?: readonly string[];
  /** URL of a running node's API; excludes `bootstrap`. */
  readonly api?: string;
  /** The API's bearer token. */
  readonly token?: string;
  /** 32-byte Ed25519 seed of the requester's identity; a fresh one when absent. */
  readonly identitySeed?: Uint8Array;
}

export interface Work {
  readonly inputs?: Readonly<Record<string, NdArray>>;
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
  /** How long to wait for enough capable peers. Default 10 s. */
  readonly waitPeersMs?: number;
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
  | { readonly type: 'claimed'; readonly peer: string; readonly shards: number }
  | { readonly type: 'refused'; readonly peer: string; readonly reason: string }
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

export interface JobHandle extends AsyncDisposable {
  /** Lowercase hex of the job id. */
  readonly id: string;
  /** All events from the beginning, to `done` or `failed`. Leaving the loop stops watching. */
  events(): AsyncIterable<JobEvent>;
  /** Waits for certificate and outputs, verified. Errors: every code with exit 4, 5 and 6. */
  result(options?: SignalOption): Promise<JobResult>;
  /** Cancels at workers and cadre; the result then fails with JOB_CANCELLED. */
  cancel(): Promise<void>;
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
  kernels(): Promise<readonly KernelInfo[]>;
  /** Peers whose adverts are known now. */
  peers(): Promise<readonly PeerInfo[]>;
  close(): Promise<void>;
}
