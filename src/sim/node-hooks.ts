/** Wrappers around a node's ports. Lab and simulator pass some; no flag reaches them. */
import type { Network, Signer } from '../base/ports.ts';
import type { Executor } from '../compute/executor.ts';
import type { EndedPlanStore } from '../store/ended-plan-store.ts';
import type { JobStore } from '../store/job-store.ts';
import type { PlanStore } from '../store/plan-store.ts';
import type { WorkStore } from '../store/work-store.ts';

export interface NodeHooks {
  readonly wrapExecutor?: (executor: Executor) => Executor;
  readonly wrapNetwork?: (network: Network, signer: Signer) => Network;
  /** Of a real node: native addons to try in place of the local build. */
  readonly addonFiles?: readonly string[];
  readonly wrapStores?: (stores: NodeStores) => NodeStores;
}

/** Everything that a node writes to its data directory about jobs. */
export interface NodeStores {
  readonly jobs: JobStore;
  readonly planStore: PlanStore;
  readonly workStore: WorkStore;
  readonly endedStore: EndedPlanStore;
}
