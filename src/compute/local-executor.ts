/**
 * Runs shards in this process, each kernel on its backend: what the runner process does, and what
 * tests, the simulator and a node without native code do themselves.
 */
import { setImmediate } from 'node:timers/promises';
import { KadreError } from '../base/errors.ts';
import type { SignalOption } from '../base/ports.ts';
import { throwIfAborted } from '../base/signals.ts';
import { blobRoot } from '../blob/tree.ts';
import type { Backend, ExecutionRequest, Executor, ShardResult } from './executor.ts';
import { callOf, type KernelBackend, type PreparedRequest, prepareRequest } from './kernel-call.ts';
import { jsBackend } from './reference/js-backend.ts';

/** What runs each kernel. */
export interface BackendSet {
  readonly backend: Backend;
  /** By kernel id. */
  readonly runners: ReadonlyMap<string, KernelBackend>;
}

/** One backend for all its kernels, as it is. */
export function onlyBackend(backend: KernelBackend): BackendSet {
  const { name, kernels } = backend;
  const runners = new Map(kernels.map((kernel) => [kernel, backend]));
  return { backend: { name, kernels }, runners };
}

export class LocalExecutor implements Executor {
  readonly backend: Backend;
  readonly #runners: ReadonlyMap<string, KernelBackend>;

  constructor({ backend, runners }: BackendSet) {
    this.backend = backend;
    this.#runners = runners;
  }

  /** Further errors: UNKNOWN_KERNEL, BAD_PARAMETER, BAD_INPUT, BAD_SHARD_COUNT. */
  async run(
    request: ExecutionRequest,
    options: SignalOption = {},
  ): Promise<readonly ShardResult[]> {
    return this.runPrepared(prepareRequest(request), request, options);
  }

  /** The same for a request that has been checked before. */
  async runPrepared(
    prepared: PreparedRequest,
    request: ExecutionRequest,
    options: SignalOption = {},
  ): Promise<readonly ShardResult[]> {
    const backend = this.#runners.get(request.kernel);
    if (backend === undefined) {
      const message = `${this.backend.name} has no ${request.kernel}`;
      throw new KadreError({ code: 'KERNEL_FAILED' }, message);
    }
    const results: ShardResult[] = [];
    const running: Promise<void>[] = [];
    let operations = 0;
    try {
      for (const [i, shard] of request.shards.entries()) {
        throwIfAborted(options.signal);
        const outputs = backend.run(callOf(prepared, request, shard));
        if (outputs instanceof Promise) {
          const done = outputs.then((contents) => {
            results[i] = resultOf(shard, contents);
          });
          running.push(done);
          if (!backend.concurrent) await done;
        } else {
          results[i] = resultOf(shard, outputs);
        }
        operations += prepared.resolved.cost(request.shardCount, shard).operations;
        if (operations < backend.pauseOperations) continue;
        operations = 0;
        await setImmediate();
      }
      await Promise.all(running);
      return results;
    } catch (cause) {
      // Calls that were started end before the failure is told: nothing runs on unobserved.
      await Promise.allSettled(running);
      throw kernelFailure(request.kernel, cause);
    }
  }
}

/** The reference backend in this process. */
export class JsExecutor extends LocalExecutor {
  constructor() {
    super(onlyBackend(jsBackend));
  }
}

function resultOf(shard: number, contents: readonly Uint8Array[]): ShardResult {
  return { shard, outputs: contents.map((content) => ({ root: blobRoot(content), content })) };
}

function kernelFailure(kernel: string, cause: unknown): KadreError {
  if (cause instanceof KadreError) return cause;
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new KadreError({ code: 'KERNEL_FAILED' }, `${kernel}: ${detail}`, { cause });
}
