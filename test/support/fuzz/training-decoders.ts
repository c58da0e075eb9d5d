/** Decoders of trainings: plans, statements, chains, and what coordinators and clients say. */
import { equalBytes } from '../../../src/base/bytes.ts';
import { loadAddon } from '../../../src/compute/addon.ts';
import { sampleRound } from '../../../src/compute/kernels/fed-aggregate.ts';
import { nativeRounds } from '../../../src/compute/native-rounds.ts';
import {
  aggregateRound,
  decodeTensors,
  encodeTensors,
  type RoundParameters,
  roundMachine,
} from '../../../src/federated/round/aggregate-round.ts';
import { openChain } from '../../../src/federated/round/check-chain.ts';
import { REFERENCE_ROUND_KERNELS } from '../../../src/federated/round/round-kernels.ts';
import { decodeStatements, encodeStatements } from '../../../src/federated/round/statement.ts';
import { machineOf, openTraining } from '../../../src/federated/round/training-plan.ts';
import { RoundDesk } from '../../../src/roles/training/round-desk.ts';
import {
  decodeTrain,
  encodeTrain,
  type TrainAnswer,
  type TrainRequest,
  trainAnswerShape,
  trainRequestShape,
} from '../../../src/roles/training/train-messages.ts';
import { encodeCanonical } from '../../../src/wire/cbor.ts';
import { clientNamed, makeChain, makeTraining } from '../chain-factory.ts';
import { type Decoder, outcomeOf } from './decoder.ts';

export function trainingDecoders(): Decoder[] {
  return [...planDecoders(), ...statementDecoders(), ...messageDecoders()];
}

function planDecoders(): Decoder[] {
  const { training } = makeTraining();
  const tensors = [
    { name: 'w', shape: [3, 4] },
    { name: 'b', shape: [4] },
  ];
  return [
    {
      covers: ['federated/round/aggregate-round.ts: decodeTensors'],
      form: 'cbor',
      seeds: [encodeTensors(tensors)],
      decode: (input) =>
        outcomeOf(decodeTensors(input, 20), ({ tensors: read }) => ({
          again: encodeTensors(read),
        })),
    },
    {
      covers: ['federated/round/training-plan.ts: openTraining'],
      form: 'cbor',
      seeds: [training.encoded, makeTraining({ optimiser: 'fedyogi' }).training.encoded],
      share: 0.3,
      decode: (input) =>
        outcomeOf(openTraining(input), ({ plan }) => ({ again: encodeCanonical(plan) })),
    },
    {
      covers: ['federated/round/check-chain.ts: openChain'],
      form: 'cbor',
      seeds: [makeChain({ count: 0 }).encoded, makeChain().encoded],
      share: 0.1,
      decode: (input) => outcomeOf(openChain(input)),
    },
  ];
}

/** Where there is one: what it says of hostile bytes must be what the reference says. */
const addon = await loadAddon().catch(() => undefined);
const native = addon && nativeRounds(addon, { threads: 1 });

function statementDecoders(): Decoder[] {
  const { parameters, inputs } = sampleRound({ codec: 'q8', rule: 'mean', clients: 3, columns: 9 });
  const [schema, state, statements, updates] = inputs.map(({ segments }) => segments[0]!.bytes) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const words = new Int32Array(state.slice().buffer);
  const { training, records } = makeChain({ count: 1 });
  const head = { round: 0, parent: training.id };
  const machine = machineOf(training, head);
  const sample = roundMachine(parameters as unknown as RoundParameters, schema);
  if (!sample.ok) throw new Error(sample.reason);
  const { codec, context } = sample.value;
  return [
    {
      covers: [
        'federated/round/round-kernels.ts: REFERENCE_ROUND_KERNELS',
        'compute/native-rounds.ts: nativeRounds',
      ],
      form: 'bytes',
      // All of a round's, and one alone, which the addon judges too.
      seeds: [updates, updates.slice(0, updates.length / 3)],
      share: 0.1,
      decode: (input) => {
        const round = { schema, state: words, statements, updates: input };
        const verdicts = [REFERENCE_ROUND_KERNELS, native].map((kernels) => {
          const opened = kernels?.openUpdates([input], codec, context);
          return opened?.ok === false ? opened.reason : 'accepted';
        });
        if (native !== undefined && verdicts[0] !== verdicts[1]) throw new Error(`${verdicts}`);
        return outcomeOf(aggregateRound(parameters as unknown as RoundParameters, round));
      },
    },
    {
      covers: ['federated/round/statement.ts: decodeStatements'],
      form: 'cbor',
      seeds: [records[0]!.statements],
      share: 0.1,
      decode: (input) =>
        outcomeOf(decodeStatements(input, machine.place), (list) => ({
          again: encodeStatements(list),
        })),
    },
    {
      covers: ['roles/training/round-desk.ts: RoundDesk'],
      form: 'cbor',
      seeds: [updateMessage()],
      share: 0.1,
      decode: (input) => {
        const request = decodeTrain(input, trainRequestShape);
        if (!request.ok || request.value.t !== 'update') return 'refused';
        const desk = new RoundDesk(training.plan, machine);
        const { peerId } = clientNamed(0);
        const offered = desk.offer(peerId, request.value.signed);
        if (!offered.ok) return 'refused';
        desk.take(peerId, request.value.signed, input);
        return { signed: encodeCanonical(request.value.signed.statement) };
      },
    },
  ];
}

function updateMessage(): Uint8Array {
  const { training, records } = makeChain({ count: 1 });
  const { place } = machineOf(training, { round: 0, parent: training.id });
  const list = decodeStatements(records[0]!.statements, place);
  if (!list.ok) throw new Error(list.reason);
  const { nodeId } = clientNamed(0);
  const signed = list.value.find(({ statement }) => equalBytes(statement.client, nodeId))!;
  return encodeTrain({ t: 'update', signed });
}

function messageDecoders(): Decoder[] {
  const training = new Uint8Array(32);
  const requests: TrainRequest[] = [
    { t: 'plan', training },
    { t: 'round', training, seen: new Uint8Array(16) },
    { t: 'status', training },
  ];
  const place = { round: 3, parent: training, state: training };
  const answers: TrainAnswer[] = [
    { t: 'plan', plan: new Uint8Array(40) },
    { t: 'open', ticket: new Uint8Array(16), ...place, counted: true },
    { t: 'wait' },
    { t: 'ended', rounds: 3 },
    { t: 'taken' },
    { t: 'status', round: 1, rounds: 3, clients: 2, updates: 1, isEnded: false },
    { t: 'refused', reason: 'full', detail: '' },
  ];
  return [
    {
      covers: ['roles/training/train-messages.ts: decodeTrain'],
      form: 'cbor',
      seeds: [...requests.map(encodeTrain), ...answers.map(encodeTrain), updateMessage()],
      decode: (input) => {
        const request = decodeTrain(input, trainRequestShape);
        const answer = decodeTrain(input, trainAnswerShape);
        const read = request.ok ? request.value : answer.ok ? answer.value : undefined;
        return read === undefined ? 'refused' : { again: encodeTrain(read) };
      },
    },
  ];
}
