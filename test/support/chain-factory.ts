/**
 * Chains of certified rounds with real keys and real updates, without a swarm: the same recipe
 * gives the same bytes, and one step can be bent with everything after it signed properly.
 */
import { u32, utf8 } from '../../src/base/bytes.ts';
import type { Signer } from '../../src/base/ports.ts';
import { blobRoot } from '../../src/blob/tree.ts';
import { sha256 } from '../../src/crypto/portable/hash.ts';
import { aggregateRound } from '../../src/federated/round/aggregate-round.ts';
import { type ChainHead, firstHead } from '../../src/federated/round/check-chain.ts';
import { makePlan, type PlanWishes } from '../../src/federated/round/make-plan.ts';
import {
  encodeChain,
  type RoundRecord,
  roundHash,
} from '../../src/federated/round/round-record.ts';
import {
  encodeStatements,
  joinUpdates,
  type SignedStatement,
  type Statement,
  signStatement,
} from '../../src/federated/round/statement.ts';
import {
  machineOf,
  type OpenTraining,
  parametersOf,
} from '../../src/federated/round/training-plan.ts';
import type { JobSpec } from '../../src/job/spec.ts';
import { jobIdOf } from '../../src/job/spec.ts';
import { makeCertificate, NETWORK, namedSigner, type Recipe } from './certificate-factory.ts';

export const COLUMNS = 6;

export interface ChainBends {
  /** Round in which the others apply; default 0. */
  readonly round?: number;
  statement?(statement: Omit<Statement, 'v'>, client: number): Omit<Statement, 'v'>;
  spec?(spec: JobSpec): JobSpec;
  recipe?(recipe: Recipe): Recipe;
  record?(record: RoundRecord): RoundRecord;
}

export interface ChainRecipe extends Partial<PlanWishes> {
  readonly count?: number;
  readonly senders?: number;
  /** Of the model; even. */
  readonly columns?: number;
  /** Of the plan; certificates are made in `NETWORK`. */
  readonly network?: string;
  readonly bend?: ChainBends;
}

export interface MadeChain {
  readonly training: OpenTraining;
  readonly encoded: Uint8Array;
  readonly records: readonly RoundRecord[];
  readonly state: Int32Array;
  /** After each round. */
  readonly states: readonly Int32Array[];
  /** Of each round, as the kernel has them. */
  readonly updates: readonly Uint8Array[];
}

export const clientNamed = (i: number): Signer => namedSigner(`chain client ${i}`);

export function makeTraining(
  wishes: Partial<PlanWishes> = {},
  network = NETWORK,
  columns = COLUMNS,
) {
  const facts = {
    network,
    coordinator: namedSigner('chain/requester').nodeId,
    model: '',
    tensors: [{ name: 'w', shape: [2, columns / 2] }],
    features: 0,
    classes: 0,
    initial: Float32Array.from({ length: columns }, (_, k) => (k % 800) / 8),
    spread: { mean: 0, deviation: 1 },
    nonce: new Uint8Array(16).fill(7),
  };
  const defaults = { rounds: 3, clients: 4, quorum: 2, aggregator: 'mean', codec: 'q8' };
  return makePlan({ ...defaults, ...wishes }, facts);
}

export function makeChain(recipe: ChainRecipe = {}): MadeChain {
  const { count = 2, senders = 3, bend = {}, network, columns, ...wishes } = recipe;
  const { training, state: first } = makeTraining(wishes, network, columns);
  const records: RoundRecord[] = [];
  const states: Int32Array[] = [];
  const updates: Uint8Array[] = [];
  let state = first;
  let head = firstHead(training);
  for (let round = 0; round < count; round++) {
    const bends = (bend.round ?? 0) === round ? bend : {};
    const made = makeRound({ training, head, state }, senders, bends);
    records.push(made.record);
    states.push(made.state);
    updates.push(made.updates);
    ({ head, state } = made);
  }
  const encoded = encodeChain(training.encoded, records);
  return { training, encoded, records, state: first, states, updates };
}

interface Place {
  readonly training: OpenTraining;
  readonly head: ChainHead;
  readonly state: Int32Array;
}

function makeRound({ training, head, state }: Place, senders: number, bend: ChainBends) {
  const { plan, id } = training;
  const { place, codec, context } = machineOf(training, head);
  const { elements } = context.schema;
  const sent = Array.from({ length: senders }, (_, i) => {
    const signer = clientNamed(i);
    const values = Float32Array.from({ length: elements }, (_, k) => Math.sin(1 + i + k));
    const ditherKey = sha256(u32(i));
    const container = codec.encode(values, { ...context, ditherKey });
    const [bytes, root] = [container.length, blobRoot(container)];
    const plain = { ...place, client: signer.nodeId, weight: i + 1, bytes, root };
    const signed = signStatement(signer, bend.statement?.(plain, i) ?? plain);
    return { client: signer.nodeId, container, signed };
  });
  const statements = encodeStatements(sent.map(({ signed }): SignedStatement => signed));
  const updates = joinUpdates(sent);
  const parameters = parametersOf(plan, id, head);
  const inputs = { schema: plan.schema, state, statements, updates };
  const outcome = aggregateRound(parameters, inputs);
  // A bent statement has no aggregate: any state will do for what is refused before it.
  const next = outcome.ok ? outcome.value : { state, trace: sha256(utf8('none')) };
  const bytes = (data: Uint8Array) => ({ data, shape: [data.length] });
  const plain: Recipe = {
    label: 'chain',
    kernel: 'fed.aggregate@1',
    parameters: { ...parameters },
    inputs: {
      schema: bytes(plan.schema),
      state: { data: state, shape: [state.length / elements, elements] },
      statements: bytes(statements),
      updates: bytes(updates),
    },
    outputs: { state: new Uint8Array(next.state.buffer), trace: next.trace },
    ...plan.job,
    shards: 1,
    ...(bend.spec && { bend: { spec: bend.spec } }),
  };
  const made = makeCertificate(bend.recipe?.(plain) ?? plain);
  const record: RoundRecord = {
    v: 1,
    kind: 'round',
    round: head.round,
    parent: head.parent,
    statements,
    state: blobRoot(new Uint8Array(next.state.buffer)),
    trace: next.trace,
    certificate: made.bytes,
  };
  const shown = bend.record?.(record) ?? record;
  const { resultsRoot } = made.certificate.commit;
  const parent = roundHash({ ...shown, jobId: jobIdOf(made.spec), resultsRoot });
  const after = { round: head.round + 1, parent, state: record.state };
  return { record: shown, state: next.state, updates, head: after };
}
