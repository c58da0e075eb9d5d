/**
 * The public SDK: everything that `import ... from 'kadre'` gives, by name (contract.md, "SDK").
 * The verifier is `kadre/verify`, so that it can be used without any of this.
 */
export type { ErrorCode } from './base/error-codes.ts';
export { ERROR_CODES } from './base/error-codes.ts';
export type { ErrorJson } from './base/errors.ts';
export { KadreError } from './base/errors.ts';
export type { Dtype, Parameters } from './kernel/contract.ts';
export { type FoldName, foldPartials } from './kernel/fixed-tree.ts';
export { type Estimate, estimatePrice } from './kernel/montecarlo-european.ts';
export type { NdArray, TypedArray } from './kernel/nd-array.ts';
export { connect } from './sdk/connect.ts';
export type {
  ConnectOptions,
  Dispute,
  JobEvent,
  JobHandle,
  JobResult,
  JobSummary,
  KernelInfo,
  PeerInfo,
  Retry,
  SubmitOptions,
  Swarm,
  Work,
} from './sdk/types.ts';
