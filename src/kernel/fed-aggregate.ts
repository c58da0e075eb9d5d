/**
 * `fed.aggregate@1`: signed, compressed updates and a state in, the next state out
 * (docs/protocol/federated-round.md, section 5). Shapes and shards are decided here; what texts and
 * bytes mean is decided where the kernel runs, so that this folder knows no codec.
 */
import { accept, refuse } from '../base/verdict.ts';
import { arrayBytes, type ParameterSchema } from './contract.ts';
import { defineKernel } from './define.ts';
import { pieceOf } from './split.ts';

/** Bytes of the rule trace: a SHA-256, cut among shards like everything else. */
const TRACE_BYTES = 32;
/** About what one signed statement takes: their number, for the cost. */
const STATEMENT_BYTES = 300;

/** Rows of the state by the optimiser's name: model, last aggregate, what it carries. */
export const STATE_ROWS: Readonly<Record<string, number>> = {
  fedavg: 2,
  nesterov: 3,
  fedadam: 5,
  fedyogi: 5,
};

const text = (name: string, why: string): ParameterSchema => ({ name, type: 'text', why });

export const fedAggregate = defineKernel({
  name: 'fed.aggregate',
  major: 1,
  schema: {
    parameters: [
      text('codec', 'how updates were compressed, canonical, e.g. q8'),
      text('rule', 'how they are combined, canonical, e.g. mean'),
      text('optimiser', 'what the aggregate does to the model, canonical'),
      { name: 'fractionBits', type: 'integer', min: 8, max: 30, default: 24, why: 'unit 2^-F' },
      { name: 'round', type: 'integer', min: 0, max: 2 ** 32, why: 'number of the round' },
      text('training', 'id of the training, 64 hex digits'),
      text('parent', 'hash of the round before, 64 hex digits'),
    ],
    inputs: [
      { name: 'schema', dtype: '|u1', rank: 1, why: 'names and shapes of the tensors' },
      { name: 'state', dtype: '<i4', rank: 2, why: 'model, last aggregate, optimiser' },
      { name: 'statements', dtype: '|u1', rank: 1, why: "clients' signed statements" },
      { name: 'updates', dtype: '|u1', rank: 1, why: 'their containers, in that order' },
    ],
    outputs: [
      { name: 'state', dtype: '<i4', rank: 2, why: 'the state after the round' },
      { name: 'trace', dtype: '|u1', rank: 1, why: 'hash of how each client counted' },
    ],
  },
  numericContract: 1,
  planner: 1,
  summary: 'One federated round: checks signatures, decodes updates, aggregates, steps the model.',
  plan(parameters, inputs) {
    const no = (detail: string) => refuse('bad-input', 'reject', detail);
    const [rows, columns] = inputs[1]!.shape as [number, number];
    const [name] = (parameters.optimiser as string).split(':') as [string];
    const wanted = Object.hasOwn(STATE_ROWS, name) ? STATE_ROWS[name] : undefined;
    if (wanted === undefined) return refuse('bad-parameter', 'reject', `optimiser ${name}`);
    for (const id of ['training', 'parent']) {
      if (/^[0-9a-f]{64}$/.test(parameters[id] as string)) continue;
      return refuse('bad-parameter', 'reject', `${id} is not 64 hex digits`);
    }
    if (rows !== wanted || columns < 1) return no(`${name} needs a state of ${wanted} rows`);
    const empty = inputs.find(({ shape }) => shape[0]! < 1);
    if (empty !== undefined) return no(`${empty.name} is empty`);
    const whole = inputs.map((input) => ({
      input: input.name,
      offset: 0,
      length: arrayBytes(input),
    }));
    const count = Math.ceil(inputs[2]!.shape[0]! / STATEMENT_BYTES);
    return accept({
      outputs: [
        { name: 'state', dtype: '<i4', shape: [rows, columns] },
        { name: 'trace', dtype: '|u1', shape: [TRACE_BYTES] },
      ],
      shardsMax: Math.min(columns, TRACE_BYTES),
      regions: (shardCount, shard) => {
        const part = pieceOf(columns, shardCount, shard);
        const bytes = pieceOf(TRACE_BYTES, shardCount, shard);
        return [
          { offset: [0, part.offset], shape: [rows, part.length] },
          { offset: [bytes.offset], shape: [bytes.length] },
        ];
      },
      // Distances are between whole vectors.
      reads: () => whole,
      cost: () => ({
        operations: columns * count * (count + 16),
        bytes: whole.reduce((sum, { length }) => sum + length, 4 * rows * columns),
      }),
    });
  },
});
