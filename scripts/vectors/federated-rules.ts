/**
 * Golden values of docs/protocol/federated-rules.md: Gram words, decisions and aggregates of every
 * rule, optimiser steps, draws, text forms. Run through `npm run vectors -- federated-rules`.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { toHex, u32, utf8 } from '../../src/base/bytes.ts';
import { ChaChaWords } from '../../src/crypto/portable/chacha20.ts';
import { sha256 } from '../../src/crypto/portable/hash.ts';
import { advance, initialState } from '../../src/federated/optimiser/optimiser.ts';
import { formatOptimiser, parseOptimiser } from '../../src/federated/optimiser/optimiser-text.ts';
import { drawClients } from '../../src/federated/round/participation.ts';
import { aggregate, type RoundUpdates } from '../../src/federated/rule/aggregate.ts';
import { gramBlocks } from '../../src/federated/rule/gram.ts';
import { formatPipeline, parsePipeline } from '../../src/federated/rule/rule-text.ts';

const FILE = path.join(import.meta.dirname, '..', '..', 'test', 'vectors', 'federated-rules.json');
const seedOf = (name: string) => sha256(utf8(name));

interface Shape {
  readonly name: string;
  readonly clients: number;
  readonly elements: number;
  /** Values are drawn from ±2^(31 - shift). */
  readonly shift: number;
  readonly stale: boolean;
}

const SHAPES: readonly Shape[] = [
  { name: 'small', clients: 9, elements: 4, shift: 22, stale: false },
  { name: 'wide', clients: 11, elements: 3, shift: 0, stale: false },
  { name: 'stale', clients: 8, elements: 3, shift: 16, stale: true },
  { name: 'ties', clients: 8, elements: 3, shift: 30, stale: false },
];

const PIPELINES = [
  'mean',
  'median',
  'trimmed-mean:2',
  'krum:1',
  'multi-krum:1',
  'multi-krum:2,3',
  'bulyan:1',
  'geometric-median:4',
  'centered-clip',
  'centered-clip:2,0.001',
  'bucket+centered-clip',
  'bucket:3+median',
  'nnm:2+trimmed-mean:1',
  'nnm:1+bucket:2+geometric-median:2',
  'norm-bound:0.0005+mean',
  'norm-bound:0.0005+bucket:2+centered-clip:1',
];

function roundOf({ name, clients, elements, shift, stale }: Shape): RoundUpdates {
  const random = new ChaChaWords(seedOf(name));
  const vector = () =>
    Int32Array.from({ length: elements }, () =>
      Math.max((random.next() | 0) >> shift, 1 - 2 ** 31),
    );
  return {
    seed: seedOf(`${name} seed`),
    fractionBits: 24,
    reference: vector(),
    updates: Array.from({ length: clients }, (_, i) => ({
      client: u32(i),
      values: vector(),
      weight: 1 + random.below(100),
      staleness: stale ? i % 5 : 0,
    })),
  };
}

const parsed = <T>(checked: { ok: true; value: T } | { ok: false; detail?: string }): T => {
  if (!checked.ok) throw new Error(checked.detail ?? 'refused');
  return checked.value;
};

const rounds = SHAPES.map((shape) => {
  const round = roundOf(shape);
  const basis = { reference: round.reference, updates: round.updates.map(({ values }) => values) };
  return {
    name: shape.name,
    seed: toHex(round.seed),
    fractionBits: round.fractionBits,
    reference: [...round.reference],
    updates: round.updates.map(({ values, weight, staleness }) => ({
      values: [...values],
      weight,
      staleness,
    })),
    gram: toHex(new Uint8Array(gramBlocks(basis).buffer)),
    aggregates: PIPELINES.map((text) => {
      const pipeline = parsed(parsePipeline(text));
      const { values, decision } = parsed(aggregate(pipeline, round));
      return { rule: formatPipeline(pipeline), decision, values: [...values] };
    }),
  };
});

const optimisers = [
  'fedavg',
  'fedavg:0.333333333',
  'nesterov',
  'fedadam',
  'fedyogi:rate=0.1,beta1=0.5,beta2=0.9,tau=0.01',
].map((text) => {
  const optimiser = parsed(parseOptimiser(text));
  const random = new ChaChaWords(seedOf(text));
  const draw = (shift: number) =>
    Int32Array.from({ length: 4 }, () => (random.next() | 0) >> shift);
  let state = initialState(optimiser, Int32Array.of(0, 1 << 24, -(2 ** 31) + 5, 2 ** 31 - 9), 24);
  const steps = [8, 14, 1, 31].map((shift) => {
    const delta = draw(shift);
    state = advance(optimiser, state, delta, 24);
    const { model, momentum, variance } = state;
    return {
      aggregate: [...delta],
      model: [...model],
      momentum: [...momentum],
      variance: [...variance],
    };
  });
  return { text: formatOptimiser(optimiser), steps };
});

const draws = [3, 5, 20].map((count) => {
  const clients = Array.from({ length: 12 }, (_, i) => ({ drawn: i % 3, isAvailable: i !== 6 }));
  const seed = seedOf(`draw ${count}`);
  return { seed: toHex(seed), count, clients, drawn: drawClients({ clients, count, seed }) };
});

const texts = [
  'bucket:2+centered-clip:steps=3,radius=median',
  'bucket+centered-clip',
  'centered-clip:radius=0.5',
  'multi-krum:keep=4,faulty=2',
  'norm-bound:10+nnm:5+geometric-median',
].map((given) => ({ given, canonical: formatPipeline(parsed(parsePipeline(given))) }));

const content = { rounds, optimisers, draws, texts };
writeFileSync(FILE, `${JSON.stringify(content, null, 1)}\n`);
