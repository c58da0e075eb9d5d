/**
 * The simulator: `kadre/sim` (contract.md, "SDK"). `testSwarm` is for programs that use Kadre;
 * `runSeed` is what `kadre sim` and the campaigns run.
 */
export type { TestSwarmOptions } from './sdk/test-swarm.ts';
export { testSwarm } from './sdk/test-swarm.ts';
export type { LinkFaults } from './sim/link-faults.ts';
export type { JobReport, SimOptions, SimReport } from './sim/run-seed.ts';
export { runSeed } from './sim/run-seed.ts';
export type { Scenario } from './sim/scenarios.ts';
export { SCENARIOS } from './sim/scenarios.ts';
export type { Behaviour } from './sim/worker-behaviours.ts';
