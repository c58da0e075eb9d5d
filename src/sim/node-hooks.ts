/** Wrappers around a node's ports. Only lab and simulator pass any; no flag of the node reaches them. */
import type { Network, Signer } from '../base/ports.ts';
import type { Executor } from '../compute/executor.ts';

export interface NodeHooks {
  readonly wrapExecutor?: (executor: Executor) => Executor;
  readonly wrapNetwork?: (network: Network, signer: Signer) => Network;
}
