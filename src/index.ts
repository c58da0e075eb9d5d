/**
 * The public SDK: everything that `import ... from 'kadre'` gives, by name (contract.md, "SDK").
 * The verifier is `kadre/verify`, so that it can be used without any of this.
 */
export type { ErrorCode } from './base/error-codes.ts';
export { ERROR_CODES } from './base/error-codes.ts';
export type { ErrorJson } from './base/errors.ts';
export { KadreError } from './base/errors.ts';
export type { ContentSource } from './base/ports.ts';
export type { Tensor } from './federated/codec/schema.ts';
export type { Examples } from './federated/model/model.ts';
export type { PlanWishes } from './federated/round/make-plan.ts';
export type { TrainingPlan } from './federated/round/training-plan.ts';
export type {
  JobStage,
  PhaseName,
  StandingName,
  WhyReport,
  WhyShard,
  WhyWorker,
  WorkerStep,
} from './job/why.ts';
export type { Dtype, Parameters } from './kernel/contract.ts';
export { type FoldName, foldPartials } from './kernel/fixed-tree.ts';
export { type Estimate, estimatePrice } from './kernel/montecarlo-european.ts';
export type { InputArray, NdArray, SourceArray, TypedArray } from './kernel/nd-array.ts';
export type {
  ClientEvent,
  LocalContext,
  LocalTraining,
  LocalUpdate,
} from './roles/training/client.ts';
export { openArrayFile } from './sdk/array-file.ts';
export type { Averaged, AverageOptions, Topology } from './sdk/average.ts';
export { connect } from './sdk/connect.ts';
export {
  type Combination,
  combineTree,
  type GraphOptions,
  type GraphTask,
  runGraph,
  type TaskGraph,
  type TaskOutput,
} from './sdk/task-graph.ts';
export type {
  CustomModel,
  JoinOptions,
  TrainedRound,
  Training,
  TrainingStatus,
  TrainingStatusOptions,
  TrainOptions,
} from './sdk/train.ts';
export type {
  ConnectOptions,
  Dispute,
  EventsOptions,
  JobEvent,
  JobHandle,
  JobInfo,
  JobResult,
  JobState,
  JobSummary,
  KernelInfo,
  MapOptions,
  PeerInfo,
  Retry,
  RetryOptions,
  SubmitOptions,
  Swarm,
  WhyOptions,
  Work,
} from './sdk/types.ts';
