/**
 * An executor for a process that offers none: a runner process for each call, so that kernels run
 * on this machine's best backend and off the event loop, and nothing idles in between.
 */
import type { Clock, Logger, SignalOption } from '../base/ports.ts';
import type { ExecutionRequest, Executor, ShardResult } from '../compute/executor.ts';
import { RunnerExecutor } from '../compute/runner/runner-executor.ts';

export class OneOffRunner implements Pick<Executor, 'run'> {
  readonly #components: { readonly clock: Clock; readonly logger: Logger };

  constructor(components: { readonly clock: Clock; readonly logger: Logger }) {
    this.#components = components;
  }

  /** Errors: those of `RunnerExecutor`. */
  async run(
    request: ExecutionRequest,
    options: SignalOption = {},
  ): Promise<readonly ShardResult[]> {
    const runner = new RunnerExecutor(this.#components, { gpu: false });
    try {
      await runner.start();
      return await runner.run(request, options);
    } finally {
      await runner.stop();
    }
  }
}
