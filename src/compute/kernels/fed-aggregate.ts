/** `fed.aggregate@1`: a round from its bytes, by the reference or by the loops of the addon. */
import { u32, utf8 } from '../../base/bytes.ts';
import { KadreError } from '../../base/errors.ts';
import type { Checked } from '../../base/verdict.ts';
import { blobRoot } from '../../blob/tree.ts';
import { signerFromSeed } from '../../crypto/node/keys.ts';
import { sha256 } from '../../crypto/portable/hash.ts';
import {
  aggregateRound,
  aggregateRoundBy,
  encodeTensors,
  type RoundInputs,
  type RoundOutcome,
  type RoundParameters,
  roundMachine,
} from '../../federated/round/aggregate-round.ts';
import { firstState } from '../../federated/round/round-state.ts';
import { encodeStatements, joinUpdates, signStatement } from '../../federated/round/statement.ts';
import type { ExecutionInput, ExecutionRequest } from '../executor.ts';
import type { KernelCall } from '../kernel-call.ts';
import { nativeRounds } from '../native-rounds.ts';
import { sampleFloats } from '../sample-input.ts';
import { floatsOf, type KernelCode, sampleRequest } from './kernel-code.ts';

const ID = 'fed.aggregate@1';

export const fedAggregateCode: KernelCode = {
  id: ID,
  *reference(call, [state, trace]) {
    const outcome = requireOutcome(aggregateRound(parametersOf(call), inputsOf(call)));
    yield;
    const [columns, bytes] = partsOf(call, outcome);
    state!.set(columns);
    trace!.set(bytes);
  },
  composed(call, { addon, ...init }) {
    const kernels = nativeRounds(addon, init);
    return partsOf(
      call,
      requireOutcome(aggregateRoundBy(kernels, parametersOf(call), inputsOf(call))),
    );
  },
  selftest: () => [
    selftestCase('q8 default', 'q8', 'bucket:size=2+centered-clip:steps=3,radius=median', 7),
    selftestCase('topk krum', 'topk:keep=10%', 'krum:faulty=1', 5),
    selftestCase('q4 median', 'q4', 'median', 4),
  ],
  speed: {
    growth: 4,
    steps: 4,
    request: (step) =>
      sampleRound({ codec: 'q8', rule: 'mean', clients: 4, columns: 256 * 4 ** step }),
  },
};

function requireOutcome(outcome: Checked<RoundOutcome>): RoundOutcome {
  if (outcome.ok) return outcome.value;
  const { reason, detail = reason } = outcome;
  throw new KadreError({ code: 'KERNEL_FAILED', data: { reason } }, detail);
}

/** What the call's shard has of the outcome: some columns of the state, some bytes of the trace. */
function partsOf(
  { resolved, shardCount, shard }: KernelCall,
  { state, trace }: RoundOutcome,
): [state: Uint8Array, trace: Uint8Array] {
  const [columns, bytes] = resolved.regions(shardCount, shard);
  const [rows, count] = columns!.shape as [number, number];
  const d = state.length / rows;
  const out = count === d ? state : new Int32Array(rows * count);
  for (let row = 0; count < d && row < rows; row++) {
    const from = row * d + columns!.offset[1]!;
    out.set(state.subarray(from, from + count), row * count);
  }
  const begin = bytes!.offset[0]!;
  return [
    new Uint8Array(out.buffer, out.byteOffset, out.byteLength),
    trace.slice(begin, begin + bytes!.shape[0]!),
  ];
}

const parametersOf = ({ resolved }: KernelCall) =>
  resolved.parameters as unknown as RoundParameters;

function inputsOf({ reads }: KernelCall): RoundInputs {
  const [schema, state, statements, updates] = reads as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const words = new Int32Array(state.buffer, state.byteOffset, state.length / 4);
  return { schema, state: words, statements, updates };
}

function selftestCase(name: string, codec: string, rule: string, clients: number) {
  const optimiser = 'nesterov:rate=0.7,momentum=0.9';
  const request = sampleRound({ codec, rule, clients, columns: 333, optimiser, shardCount: 5 });
  return { name: `${ID} ${name}`, request };
}

export interface SampleRound {
  readonly codec: string;
  readonly rule: string;
  readonly clients: number;
  readonly columns: number;
  readonly optimiser?: string;
  readonly shardCount?: number;
}

/** A round whose updates, weights and keys follow from formulas. */
export function sampleRound(init: SampleRound): ExecutionRequest {
  const { codec, rule, clients, columns, optimiser = 'fedavg:rate=1', shardCount = 1 } = init;
  const training = '11'.repeat(32);
  const parent = '22'.repeat(32);
  const parameters = { codec, rule, optimiser, fractionBits: 20, round: 3, training, parent };
  const schema = encodeTensors([{ name: 'w', shape: [columns] }]);
  const machine = roundMachine(parameters, schema);
  if (!machine.ok) throw new Error(`bug: a sample is refused: ${machine.reason}`);
  const { place, codec: coder, context, optimiser: stepper } = machine.value;
  const sent = Array.from({ length: clients }, (_, i) => {
    const signer = signerFromSeed(sha256(utf8(`sample client ${i}`)));
    const values = floatsOf(sampleFloats('unit', columns, i + 1));
    const container = coder.encode(values, { ...context, ditherKey: sha256(u32(i)) });
    const [bytes, root] = [container.length, blobRoot(container)];
    const client = signer.nodeId;
    const signed = signStatement(signer, { ...place, client, weight: i + 1, bytes, root });
    return { client, container, signed };
  });
  const state = firstState(stepper, floatsOf(sampleFloats('unit', columns, 99)), 20);
  const bytes = new Uint8Array(state.buffer);
  const statements = encodeStatements(sent.map(({ signed }) => signed));
  const inputs: ExecutionInput[] = [
    bytesInput('schema', schema),
    { ...bytesInput('state', bytes), shape: [state.length / columns, columns] },
    bytesInput('statements', statements),
    bytesInput('updates', joinUpdates(sent)),
  ];
  return sampleRequest({ kernel: ID, parameters, inputs, shardCount });
}

function bytesInput(name: string, bytes: Uint8Array): ExecutionInput {
  return { name, shape: [bytes.length], segments: [{ offset: 0, bytes }] };
}
