/**
 * A training judged offline: every round's certificate, what each must say, and how they hang
 * together (docs/protocol/federated-round.md, section 7). Remote bytes: a refusal, never a throw.
 */
import { equalBytes } from '../../base/bytes.ts';
import type { Digest } from '../../base/ids.ts';
import { accept, type Checked, type Refusal, refuse } from '../../base/verdict.ts';
import { blobRoot } from '../../blob/tree.ts';
import { type OpenedCertificate, openCertificate } from '../../certificate/open.ts';
import { kernelId } from '../../kernel/contract.ts';
import { fedAggregate } from '../../kernel/fed-aggregate.ts';
import { kernelDigest } from '../../kernel/registry.ts';
import { decodeChain, type RoundRecord, roundHash } from './round-record.ts';
import { decodeStatements, type SignedStatement } from './statement.ts';
import { machineOf, type OpenTraining, openTraining, parametersOf } from './training-plan.ts';

export const AGGREGATE_KERNEL = kernelId(fedAggregate);

/** Where a training stands: before its first round, the plan's own state and id. */
export interface ChainHead {
  readonly round: number;
  readonly parent: Digest;
  readonly state: Digest;
}

export interface CheckedRound {
  readonly record: RoundRecord;
  readonly statements: readonly SignedStatement[];
  readonly certificate: OpenedCertificate;
  readonly head: ChainHead;
}

export interface OpenChain {
  readonly training: OpenTraining;
  readonly rounds: readonly CheckedRound[];
  readonly head: ChainHead;
}

export function firstHead({ plan, id }: OpenTraining): ChainHead {
  return { round: 0, parent: id, state: plan.state };
}

/** Reasons: those of plans, of certificates, and of section 7; `detail` names the round. */
export function openChain(encoded: Uint8Array): Checked<OpenChain> {
  const chain = decodeChain(encoded);
  if (!chain.ok) return chain;
  const training = openTraining(chain.value.plan);
  if (!training.ok) return training;
  const rounds: CheckedRound[] = [];
  let head = firstHead(training.value);
  for (const record of chain.value.rounds) {
    const checked = checkRound(training.value, head, record);
    if (!checked.ok) {
      const { reason, penalty, detail = reason } = checked;
      return refuse(reason, penalty, `round ${head.round}: ${detail}`);
    }
    rounds.push(checked.value);
    head = checked.value.head;
  }
  return accept({ training: training.value, rounds, head });
}

export function checkRound(
  training: OpenTraining,
  head: ChainHead,
  record: RoundRecord,
): Checked<CheckedRound> {
  if (record.round !== head.round || head.round >= training.plan.rounds) {
    return refuse('wrong-round', 'reject', `${record.round} follows`);
  }
  if (!equalBytes(record.parent, head.parent)) return refuse('wrong-parent');
  const statements = checkStatements(training, head, record);
  if (!statements.ok) return statements;
  const opened = openCertificate(record.certificate);
  if (!opened.ok) return opened;
  const certificate = opened.value;
  const problem =
    checkJob(training, head, certificate) ??
    checkInputs(training, { head, record, certificate }) ??
    checkOutputs(record, certificate);
  if (problem !== undefined) return problem;
  const { jobId, resultsRoot } = certificate;
  const parent = roundHash({ ...record, jobId, resultsRoot });
  const next = { round: head.round + 1, parent, state: record.state };
  return accept({ record, statements: statements.value, certificate, head: next });
}

function checkStatements(
  training: OpenTraining,
  head: ChainHead,
  { statements }: RoundRecord,
): Checked<readonly SignedStatement[]> {
  const { place } = machineOf(training, head);
  const decoded = decodeStatements(statements, place);
  if (!decoded.ok) return refuse('bad-statement', 'reject', decoded.reason);
  const { quorum, clients, weightMax } = training.plan;
  const count = decoded.value.length;
  if (count < quorum || count > clients) {
    return refuse('bad-statement', 'reject', `${count} of ${quorum} to ${clients} updates`);
  }
  const isHeavy = decoded.value.some(({ statement }) => statement.weight > weightMax);
  return isHeavy ? refuse('bad-statement', 'reject', `weight above ${weightMax}`) : decoded;
}

function checkJob(
  { plan, id }: OpenTraining,
  head: ChainHead,
  { spec }: OpenedCertificate,
): Refusal | undefined {
  const isKernel = spec.kernel === AGGREGATE_KERNEL;
  if (!isKernel || !equalBytes(spec.kernelDigest, kernelDigest(fedAggregate))) {
    return refuse('wrong-kernel', 'reject', spec.kernel);
  }
  const wanted = Object.entries(parametersOf(plan, id, head));
  const isExact = wanted.length === Object.keys(spec.parameters).length;
  if (!isExact || wanted.some(([name, value]) => spec.parameters[name] !== value)) {
    return refuse('wrong-parameters');
  }
  if (spec.network !== plan.network) return refuse('wrong-network', 'reject', spec.network);
  if (!equalBytes(spec.requester, plan.coordinator)) return refuse('wrong-coordinator');
  const { replicas, quorum, cadre } = plan.job;
  const { policy, shards } = spec;
  const isAsPlanned =
    policy.replicas === replicas && policy.quorum === quorum && policy.cadre === cadre;
  return isAsPlanned && shards === 1 ? undefined : refuse('wrong-policy');
}

interface RoundParts {
  readonly head: ChainHead;
  readonly record: RoundRecord;
  readonly certificate: OpenedCertificate;
}

function checkInputs(
  { plan }: OpenTraining,
  { head, record, certificate }: RoundParts,
): Refusal | undefined {
  const wanted = {
    schema: blobRoot(plan.schema),
    state: head.state,
    statements: blobRoot(record.statements),
  };
  for (const [name, root] of Object.entries(wanted)) {
    const input = certificate.spec.inputs.find((one) => one.name === name);
    if (input === undefined || !equalBytes(input.root, root)) {
      return refuse('wrong-input', 'reject', name);
    }
  }
  return undefined;
}

/** One shard: its digests are the roots of the whole outputs. */
function checkOutputs(record: RoundRecord, { results }: OpenedCertificate): Refusal | undefined {
  for (const name of ['state', 'trace'] as const) {
    const output = results.outputs.findIndex((one) => one.name === name);
    const digest = name === 'state' ? record.state : blobRoot(record.trace);
    if (output < 0 || !equalBytes(results.digest(0, output), digest)) {
      return refuse('wrong-output', 'reject', name);
    }
  }
  return undefined;
}
