/**
 * Decoders of federated training: updates of clients, the texts of codecs, rules, optimisers and
 * models, and the files that data and parameters come in.
 */
import { utf8 } from '../../../src/base/bytes.ts';
import { assert } from '../../../src/base/errors.ts';
import type { Checked } from '../../../src/base/verdict.ts';
import { parseCodec } from '../../../src/federated/codec/codec-spec.ts';
import { parseCsv } from '../../../src/federated/data/csv.ts';
import { datasetOfIdx, parseIdx } from '../../../src/federated/data/idx.ts';
import { formatDecimal, parseDecimal } from '../../../src/federated/decimal.ts';
import { ELEMENT_MAX, toDense } from '../../../src/federated/fixed-point.ts';
import { logisticRegression } from '../../../src/federated/model/model.ts';
import { readModel, writeModel } from '../../../src/federated/model/model-file.ts';
import { parseModel } from '../../../src/federated/model/model-text.ts';
import {
  formatOptimiser,
  parseOptimiser,
} from '../../../src/federated/optimiser/optimiser-text.ts';
import { formatPipeline, parsePipeline } from '../../../src/federated/rule/rule-text.ts';
import { parsePlainJson } from '../../../src/kernel/plain-json.ts';
import { parseSafetensors, writeSafetensors } from '../../../src/kernel/safetensors.ts';
import { bellValues, CODEC_TEXTS, codecFor, contextOf, respelt, SMALL_SCHEMA } from '../updates.ts';
import { type Decoder, outcomeOf } from './decoder.ts';

const textOf = (input: Uint8Array): string => Buffer.from(input).toString('utf8');

export function federatedDecoders(): Decoder[] {
  return [...CODEC_TEXTS.map(updateDecoder), ...textDecoders(), ...fileDecoders()];
}

/** Where the containers of a codec are decoded. */
const PLACES: Readonly<Record<string, string>> = {
  ternary: 'ternary-codec.ts: decode',
  vote: 'vote-codec.ts: decode',
  topk: 'sparse-list.ts: decodeSparse',
  chunk: 'sparse-list.ts: decodeSparse',
  dgc: 'sparse-list.ts: decodeSparse',
  randk: 'rand-k-codec.ts: decode',
  powersgd: 'power-sgd-codec.ts: decode',
  dct: 'dct-codec.ts: decode',
};

/** Integers within bounds, whose one spelling the input is, and which a sum takes as they are. */
function updateDecoder(text: string): Decoder {
  const context = contextOf(SMALL_SCHEMA);
  const { elements } = SMALL_SCHEMA;
  const codec = codecFor(text);
  const place = PLACES[text.split(':')[0]!] ?? 'block-codec.ts: decode';
  const vectors = [bellValues(elements), bellValues(elements, 2, 30), new Float32Array(elements)];
  return {
    covers: [`federated/codec/${place}`],
    form: 'bytes',
    seeds: vectors.map((x) => codec.encode(x, context)),
    share: 0.3,
    decode: (input) => {
      const update = codec.decode(input, context);
      const sum = new Float64Array(elements);
      const summed = codec.accumulate(input, context, { sum, weight: 1 });
      assert(summed.ok === update.ok, 'a sum takes what is an update, and nothing else');
      if (!update.ok) return 'refused';
      const dense = toDense(update.value);
      assert(
        dense.every((value, i) => Math.abs(value) <= ELEMENT_MAX && value === sum[i]),
        'elements are in range, and those that are summed',
      );
      const again = respelt(text, update.value, context);
      return again === undefined ? {} : { again };
    },
  };
}

/** What is accepted has one text, which reads as itself. */
function canonical<T>(
  covers: string,
  seeds: readonly string[],
  functions: {
    readonly parse: (text: string) => Checked<T>;
    readonly format: (value: T) => string;
  },
): Decoder {
  const { parse, format } = functions;
  return {
    covers: [covers],
    form: 'text',
    seeds: seeds.map(utf8),
    decode: (input) =>
      outcomeOf(parse(textOf(input)), (value) => {
        const again = parse(format(value));
        assert(again.ok && format(again.value) === format(value), 'the canonical text is its own');
        return {};
      }),
  };
}

function textDecoders(): Decoder[] {
  return [
    {
      covers: ['federated/codec/codec-spec.ts: parseCodec'],
      form: 'text',
      seeds: [...CODEC_TEXTS, 'sparseloco', 'topk:feedback=momentum,momentum=0.9'].map(utf8),
      throws: ['BAD_CODEC'],
      decode: (input) => {
        const { text } = parseCodec(textOf(input));
        assert(parseCodec(text).text === text, 'the canonical text is its own');
        return {};
      },
    },
    canonical(
      'federated/rule/rule-text.ts: parsePipeline',
      ['mean', 'bucket:2+centered-clip:steps=3,radius=median', 'norm-bound:1.5+trimmed-mean:1'],
      { parse: parsePipeline, format: formatPipeline },
    ),
    canonical(
      'federated/optimiser/optimiser-text.ts: parseOptimiser',
      ['fedavg', 'nesterov:0.7,momentum=0.9', 'fedadam', 'fedyogi'],
      { parse: parseOptimiser, format: formatOptimiser },
    ),
    canonical(
      'federated/model/model-text.ts: parseModel',
      ['logreg', 'mlp:hidden=64', 'cnn:filters=8,height=8,width=8,channels=1'],
      { parse: (text) => parseModel(text, 64, 10), format: ({ text }) => text },
    ),
    {
      covers: ['federated/decimal.ts: parseDecimal'],
      form: 'text',
      seeds: ['0.7', '0', '1234567.123456789'].map(utf8),
      decode: (input) => {
        const nanos = parseDecimal(textOf(input));
        return nanos === undefined ? 'refused' : { again: utf8(formatDecimal(nanos)) };
      },
    },
  ];
}

function fileDecoders(): Decoder[] {
  const model = logisticRegression(3, 2);
  const parameters = bellValues(model.parameterCount);
  const labels = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 0, 1);
  const header = '{"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}';
  const tensors = [{ name: 'w', shape: [2, 3], dtype: '<f4', data: new Uint8Array(24) }] as const;
  return [
    {
      covers: ['federated/data/csv.ts: parseCsv'],
      form: 'text',
      seeds: ['# a comment\n1,2.5,0\r\n\n-3,4e2,7\n'].map(utf8),
      decode: (input) =>
        outcomeOf(parseCsv(textOf(input)), ({ features, labels: { length }, featureCount }) => {
          assert(features.length === length * featureCount, 'a label for every row');
          return {};
        }),
    },
    {
      covers: ['federated/data/idx.ts: parseIdx'],
      form: 'bytes',
      seeds: [Uint8Array.of(0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6), labels],
      decode: (input) => {
        datasetOfIdx(input, labels);
        return outcomeOf(parseIdx(input));
      },
    },
    {
      covers: ['kernel/plain-json.ts: parsePlainJson'],
      form: 'json',
      seeds: [utf8(header), utf8('{"__metadata__":{"a":"b"},"n":[[1,2],[]]}  ')],
      decode: (input) => (parsePlainJson(input) === undefined ? 'refused' : {}),
    },
    {
      covers: ['kernel/safetensors.ts: parseSafetensors'],
      form: 'bytes',
      seeds: [
        writeSafetensors({ tensors, metadata: {} }),
        writeSafetensors({ tensors, metadata: { format: 'pt' } }),
      ],
      decode: (input) => outcomeOf(parseSafetensors(input)),
    },
    {
      covers: ['federated/model/model-file.ts: readModel'],
      form: 'bytes',
      seeds: [writeModel(model, parameters), writeModel(model, parameters, { round: '7' })],
      decode: (input) => outcomeOf(readModel(model, input)),
    },
  ];
}
