/** Wrappers around a node's ports. Lab and simulator pass some; no flag reaches them. */
import type { Network, Signer } from '../base/ports.ts';
import type { Executor } from '../compute/executor.ts';

export interface NodeHooks {
  readonly wrapExecutor?: (executor: Executor) => Executor;
  readonly wrapNetwork?: (network: Network, signer: Signer) => Network;
  /** Of a real node: native addons to try in place of the local build. */
  readonly addonFiles?: readonly string[];
}
