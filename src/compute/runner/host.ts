/**
 * The runner's side of the frames: keeps opened jobs and their input bytes, runs shards in the
 * order asked for, answers each RUN with one RESULT or FAILURE.
 */
import { asKadreError, assert } from '../../base/errors.ts';
import type { ExecutionRequest, InputSegment, ShardResult } from '../executor.ts';
import { type PreparedRequest, prepareRequest } from '../kernel-call.ts';
import type { LocalExecutor } from '../local-executor.ts';
import { FRAME, type FrameHeader, type FrameReceiver } from './frames.ts';
import {
  JSON_BYTES_MAX,
  jsonBody,
  type OpenedJob,
  parseJson,
  rootsOf,
  shardsOf,
} from './messages.ts';

/** Sends one frame whose body is the concatenation of `parts`. */
export type SendFrame = (kind: number, job: number, parts: readonly Uint8Array[]) => void;

interface HostedJob {
  readonly request: ExecutionRequest;
  /** Buffers still to be filled, in the order in which DATA frames fill them. */
  readonly unfilled: Uint8Array[];
  prepared: PreparedRequest | undefined;
}

export class RunnerHost implements FrameReceiver {
  readonly #executor: LocalExecutor;
  readonly #send: SendFrame;
  readonly #onFault: (message: string) => void;
  readonly #jobs = new Map<number, HostedJob>();
  #last: Promise<void> = Promise.resolve();

  /** `onFault` ends the process: after a fault of its device no call of it would succeed. */
  constructor(executor: LocalExecutor, send: SendFrame, onFault: (message: string) => void) {
    this.#executor = executor;
    this.#send = send;
    this.#onFault = onFault;
  }

  /** Input bytes go straight to where kernels read them. */
  allocate({ kind, job, bytes }: FrameHeader): Uint8Array | undefined {
    if (kind !== FRAME.data) return bytes <= JSON_BYTES_MAX ? new Uint8Array(bytes) : undefined;
    const unfilled = this.#jobs.get(job)?.unfilled;
    const rest = unfilled?.[0];
    if (unfilled === undefined || rest === undefined || bytes > rest.length) return undefined;
    if (bytes === rest.length) unfilled.shift();
    else unfilled[0] = rest.subarray(bytes);
    return rest.subarray(0, bytes);
  }

  receive({ kind, job }: FrameHeader, body: Uint8Array): void {
    if (kind === FRAME.open) this.#jobs.set(job, hostedJob(parseJson<OpenedJob>(body)));
    else if (kind === FRAME.close) this.#jobs.delete(job);
    else if (kind === FRAME.run) {
      const shards = shardsOf(body);
      this.#last = this.#last.then(() => this.#run(job, shards));
    }
  }

  async #run(number: number, shards: readonly number[]): Promise<void> {
    try {
      const job = this.#jobs.get(number);
      assert(job !== undefined && job.unfilled.length === 0, 'only complete jobs are run');
      job.prepared ??= prepareRequest(job.request);
      const request = { ...job.request, shards };
      const results = await this.#executor.runPrepared(job.prepared, request);
      this.#send(FRAME.result, number, [rootsOf(results), ...contentsOf(results)]);
    } catch (cause) {
      const { code, message } = asKadreError(cause, 'KERNEL_FAILED', 'the runner failed');
      if (code === 'RUNNER_FAILED') this.#onFault(message);
      this.#send(FRAME.failure, number, [jsonBody({ code, message })]);
    }
  }
}

function contentsOf(results: readonly ShardResult[]): Uint8Array[] {
  return results.flatMap((result) => result.outputs.map((output) => output.content));
}

function hostedJob(opened: OpenedJob): HostedJob {
  const unfilled: Uint8Array[] = [];
  const inputs = opened.inputs.map(({ name, shape, runs }) => {
    const segments: InputSegment[] = runs.map((run) => {
      // Not zeroed: no shard runs before every byte has come.
      const bytes = Buffer.allocUnsafeSlow(run.length);
      unfilled.push(bytes);
      return { offset: run.offset, bytes };
    });
    return { name, shape, segments };
  });
  const { kernel, parameters, shardCount } = opened;
  return {
    request: { kernel, parameters, shardCount, inputs, shards: [] },
    unfilled,
    prepared: undefined,
  };
}
