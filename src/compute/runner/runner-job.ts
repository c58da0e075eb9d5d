/** One request on its way through the runner: which shards are next, what has come back. */
import { DIGEST_BYTES } from '../../base/ids.ts';
import type { ExecutionRequest, ShardResult } from '../executor.ts';
import type { PreparedRequest } from '../kernel-call.ts';
import { jsonBody, openedJob, outputBytes, parseResults, resultBytes } from './messages.ts';

/** What one RUN asks for at most; a single shard may exceed all of these. */
export interface BatchLimits {
  readonly shards: number;
  readonly operations: number;
  readonly outputBytes: number;
}

export interface Batch {
  readonly shards: readonly number[];
  /** Output sizes of each shard. */
  readonly expected: readonly (readonly number[])[];
  readonly outputBytes: number;
  /** Exact length of the RESULT body. */
  readonly resultBytes: number;
}

export class RunnerJob {
  readonly id: number;
  readonly request: ExecutionRequest;
  readonly inputBytes: number;
  /** Body of the OPEN frame. */
  readonly opening: Uint8Array;
  readonly outcome = Promise.withResolvers<readonly ShardResult[]>();
  /** Known to the present runner process. */
  isOpen = false;
  /** Settled: whatever still arrives for it is dropped. */
  isOver = false;
  readonly #prepared: PreparedRequest;
  readonly #results: ShardResult[] = [];

  constructor(id: number, request: ExecutionRequest, prepared: PreparedRequest) {
    this.id = id;
    this.request = request;
    this.#prepared = prepared;
    this.opening = jsonBody(openedJob(request));
    this.inputBytes = request.inputs
      .flatMap((input) => input.segments)
      .reduce((sum, segment) => sum + segment.bytes.length, 0);
  }

  get isComplete(): boolean {
    return this.#results.length === this.request.shards.length;
  }

  get results(): readonly ShardResult[] {
    return this.#results;
  }

  /** The shards after those that have come back, as many as the limits allow; at least one. */
  nextBatch(limits: BatchLimits): Batch {
    const { shardCount, shards: all } = this.request;
    const { resolved } = this.#prepared;
    const shards: number[] = [];
    const expected: (readonly number[])[] = [];
    let operations = 0;
    let bytes = 0;
    for (let i = this.#results.length; i < all.length && shards.length < limits.shards; i++) {
      const shard = all[i]!;
      const sizes = outputBytes(resolved, shardCount, shard);
      operations += resolved.cost(shardCount, shard).operations;
      for (const size of sizes) bytes += size;
      const isOver = operations > limits.operations || bytes > limits.outputBytes;
      if (isOver && shards.length > 0) break;
      shards.push(shard);
      expected.push(sizes);
    }
    const total = resultBytes(expected);
    const roots = expected.reduce((count, sizes) => count + sizes.length, 0) * DIGEST_BYTES;
    return { shards, expected, outputBytes: total - roots, resultBytes: total };
  }

  accept(batch: Batch, body: Uint8Array): void {
    for (const result of parseResults(body, batch.shards, batch.expected)) {
      this.#results.push(result);
    }
  }
}
