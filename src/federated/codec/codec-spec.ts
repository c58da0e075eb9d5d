/**
 * `--codec`: from text to a codec, and the one canonical text of each, which plans hold
 * (docs/protocol/federated-codec.md, "Grammar").
 */
import { KadreError } from '../../base/errors.ts';
import { nearestName } from '../../base/nearest-name.ts';
import { blockCodec } from './block-codec.ts';
import { type Fit, fitFor } from './block-fit.ts';
import type { BlockCoding } from './blocks.ts';
import { completeCodec, type MessageCodec, type UpdateCodec } from './codec.ts';
import {
  CODEC_SETTINGS,
  type CodecName,
  defaultOf,
  PRESETS,
  readSetting,
  readShare,
  type Setting,
} from './codec-settings.ts';
import { dctCodec } from './dct-codec.ts';
import type { IndexCoding } from './indices.ts';
import { type CodecKernels, REFERENCE_KERNELS } from './kernels.ts';
import { evenLevels, type LevelBits, type Levels, lloydLevels, oddLevels } from './levels.ts';
import { powerSgdCodec } from './power-sgd-codec.ts';
import { randKCodec } from './rand-k-codec.ts';
import type { SparseCoding } from './sparse-list.ts';
import { ternaryCodec } from './ternary-codec.ts';
import { chunkTopKCodec, topKCodec } from './top-k-codec.ts';
import { voteCodec } from './vote-codec.ts';

export type FeedbackForm = 'none' | 'ef14' | 'ef21' | 'momentum' | 'dgc';

/** A codec by its canonical text, and what rules and roles must know about it. */
export interface CodecSpec {
  readonly text: string;
  readonly name: CodecName;
  readonly feedback: FeedbackForm;
  /** `sparse`: most elements of a message are absent, which coordinate-wise rules must not meet. */
  readonly messages: 'dense' | 'sparse';
  /** Of the forms `momentum` and `dgc`. */
  readonly momentum: number;
  /** Norm that DGC clips a gradient to. */
  readonly clip: number;
  /** All settings by key, in their canonical text. */
  readonly settings: ReadonlyMap<string, string>;
}

const SPARSE: readonly CodecName[] = ['topk', 'chunk', 'randk', 'dgc'];

const bad = (message: string) => new KadreError({ code: 'BAD_CODEC' }, message);

/** Throws BAD_CODEC, naming what is wrong and the nearest name for a misspelt one. */
export function parseCodec(text: string): CodecSpec {
  const [name = '', ...rest] = text.split(':');
  if (Object.hasOwn(PRESETS, name) && rest.length === 0) return parseCodec(PRESETS[name]!);
  if (!isCodecName(name)) throw bad(unknown('codec', name, Object.keys(CODEC_SETTINGS)));
  if (rest.length > 1) throw bad(`codec ${name}: a second colon`);
  const settings = readSettings(name, rest[0]);
  const feedback = settings.get('feedback') as FeedbackForm;
  const table: readonly Setting[] = CODEC_SETTINGS[name];
  const isMomentum = feedback === 'momentum' || feedback === 'dgc';
  const given = table
    .filter((setting) => settings.get(setting.key) !== defaultOf(setting))
    .map(({ key }) => key);
  if (given.includes('momentum') && !isMomentum) {
    throw bad(`codec ${name}: momentum needs feedback=momentum`);
  }
  if (name === 'chunk' && Number(settings.get('keep')) > Number(settings.get('size'))) {
    throw bad('codec chunk: keep is above size');
  }
  const listed = given.map((key) => `${key}=${settings.get(key)}`).join(',');
  return {
    text: listed === '' ? name : `${name}:${listed}`,
    name,
    feedback,
    messages: SPARSE.includes(name) ? 'sparse' : 'dense',
    momentum: Number(settings.get('momentum') ?? 0),
    clip: Number(settings.get('clip') ?? 0),
    settings,
  };
}

function isCodecName(name: string): name is CodecName {
  return Object.hasOwn(CODEC_SETTINGS, name);
}

function readSettings(name: CodecName, list: string | undefined): Map<string, string> {
  const table: readonly Setting[] = CODEC_SETTINGS[name];
  const settings = new Map(table.map((setting) => [setting.key, defaultOf(setting)]));
  const seen = new Set<string>();
  for (const part of list === undefined ? [] : list.split(',')) {
    const [key = '', value, ...more] = part.split('=');
    const setting = table.find((one) => one.key === key);
    if (setting === undefined) {
      throw bad(`codec ${name}: ${unknown('setting', key, [...settings.keys()])}`);
    }
    if (value === undefined || more.length > 0) throw bad(`codec ${name}: ${key} is KEY=VALUE`);
    if (seen.has(key)) throw bad(`codec ${name}: ${key} is given twice`);
    seen.add(key);
    const read = readSetting(setting, value);
    if ('problem' in read) throw bad(`codec ${name}: ${key} ${read.problem}, not ${value}`);
    settings.set(key, read.text);
  }
  return settings;
}

function unknown(what: string, name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  const hint = nearest === undefined ? `known: ${known.join(', ')}` : `did you mean ${nearest}?`;
  return `unknown ${what} ${JSON.stringify(name)}; ${hint}`;
}

/** The codec that a spec describes, on the given loops. */
export function codecOf(spec: CodecSpec, kernels: CodecKernels = REFERENCE_KERNELS): UpdateCodec {
  return completeCodec(messageCodec(spec, kernels));
}

function messageCodec(spec: CodecSpec, kernels: CodecKernels): MessageCodec {
  const get = (key: string) => spec.settings.get(key)!;
  const blockLog2 = Math.log2(Number(spec.settings.get('block')));
  switch (spec.name) {
    case 'q8':
    case 'q4':
    case 'q3':
    case 'q2':
      return blockCodec(
        quantised(spec.name, blockLog2, spec.settings.get('levels') === 'lloyd'),
        kernels,
      );
    case 'sign':
      return blockCodec(quantised('sign', blockLog2), kernels);
    case 'qsgd':
      return blockCodec(coding(evenLevels(bitsOf(get('bits'))), blockLog2, 'norm'), kernels);
    case 'ternary':
      return ternaryCodec(blockLog2);
    case 'vote':
      return voteCodec();
    case 'topk':
      return topK(spec, 0, kernels);
    case 'dgc':
      return topK(spec, Number(get('warmup')), kernels);
    case 'chunk': {
      const chunkLog2 = Math.log2(Number(get('size')));
      const init = { chunkLog2, keep: Number(get('keep')), coding: sparse(spec) };
      return chunkTopKCodec(init, kernels);
    }
    case 'randk': {
      const blocks = quantised(get('values'), blockLog2);
      const unbiased = get('scale') === 'size';
      return randKCodec({ keep: readShare(get('keep'))!, blocks, unbiased, kernels });
    }
    case 'powersgd':
      return powerSgdCodec(Number(get('rank')), kernels);
    case 'dct':
      return dctCodec({ keep: Number(get('keep')), coding: sparse(spec), kernels });
  }
}

function topK(spec: CodecSpec, warmupRounds: number, kernels: CodecKernels): MessageCodec {
  const keep = readShare(spec.settings.get('keep')!)!;
  return topKCodec({ keep, coding: sparse(spec), warmupRounds }, kernels);
}

const bitsOf = (text: string) => Number(text) as LevelBits;

function coding(levels: Levels, blockLog2: number, fit: Fit = fitFor(levels)): BlockCoding {
  return { levels, fit, blockLog2, sparse: false };
}

/** `q8`, `q4`, ... or `sign`. */
function quantised(name: string, blockLog2: number, isLloyd = false): BlockCoding {
  if (name === 'sign') return coding(oddLevels(1), blockLog2);
  const bits = bitsOf(name.slice(1));
  return coding(isLloyd ? lloydLevels(bits as 2 | 3 | 4) : evenLevels(bits), blockLog2);
}

function sparse({ settings }: CodecSpec): SparseCoding {
  return {
    valueBits: bitsOf(settings.get('values')!),
    blockLog2: Math.log2(Number(settings.get('block'))),
    index: settings.get('index') as IndexCoding,
  };
}
