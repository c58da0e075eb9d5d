/**
 * The settings of every codec, as data: names, ranges and defaults. The grammar, its errors and the
 * canonical text follow from this table (docs/protocol/federated-codec.md, "Grammar").
 */
import type { Keep } from './top-k-codec.ts';

export type Setting =
  | { readonly key: string; readonly kind: 'word'; readonly words: readonly string[] }
  | {
      readonly key: string;
      /** `power`: a power of two; `decimal`: at most four digits after the point. */
      readonly kind: 'integer' | 'power' | 'decimal';
      readonly min: number;
      readonly max: number;
      readonly byDefault: number;
    }
  | { readonly key: string; readonly kind: 'share'; readonly byDefault: string };

const BLOCK_MIN = 16;
const BLOCK_MAX = 65_536;

const block = (byDefault: number): Setting => ({
  key: 'block',
  kind: 'power',
  min: BLOCK_MIN,
  max: BLOCK_MAX,
  byDefault,
});
/** The first word is the default. */
const word = (key: string, ...words: string[]): Setting => ({ key, kind: 'word', words });
const integer = (key: string, byDefault: number, [min, max]: [number, number]): Setting => ({
  key,
  kind: 'integer',
  min,
  max,
  byDefault,
});
const share = (byDefault: string): Setting => ({ key: 'keep', kind: 'share', byDefault });
/** A momentum of one would never forget. */
const momentum = (byDefault: number): Setting => ({
  key: 'momentum',
  kind: 'decimal',
  min: 0,
  max: 0.9999,
  byDefault,
});

const INDEX = word('index', 'rice', 'bitmap');
const blocks = [block(256), word('feedback', 'ef14', 'none', 'ef21')];
const sparse = (first: Setting, bits: readonly string[], ...rest: Setting[]): Setting[] => [
  first,
  word('values', ...bits),
  INDEX,
  block(256),
  ...rest,
];

const FOUR_FIRST = ['4', '1', '2', '3', '8'];
const FEEDBACK = word('feedback', 'ef14', 'none', 'ef21', 'momentum');
const LEVELS = word('levels', 'absmax', 'lloyd');

export const CODEC_SETTINGS = {
  q8: blocks,
  q4: [LEVELS, ...blocks],
  q3: [LEVELS, ...blocks],
  q2: [LEVELS, ...blocks],
  qsgd: [word('bits', '4', '2', '3', '8'), block(256), word('feedback', 'none', 'ef14', 'ef21')],
  ternary: [block(4096), word('feedback', 'none', 'ef14', 'ef21')],
  sign: blocks,
  vote: [word('feedback', 'none')],
  topk: sparse(share('1%'), FOUR_FIRST, FEEDBACK, momentum(0.9)),
  chunk: [
    { key: 'size', kind: 'power', min: 64, max: 65_536, byDefault: 4096 },
    ...sparse(integer('keep', 32, [1, 65_536]), FOUR_FIRST, FEEDBACK, momentum(0.9)),
  ],
  randk: [
    share('5%'),
    word('values', 'q8', 'q4', 'q3', 'q2', 'sign'),
    block(256),
    word('scale', 'none', 'size'),
    word('feedback', 'none', 'ef14', 'ef21'),
  ],
  powersgd: [integer('rank', 4, [1, 32]), word('feedback', 'ef14', 'none', 'ef21')],
  dct: sparse(
    integer('keep', 8, [1, 4096]),
    ['1', '2', '3', '4', '8'],
    word('feedback', 'momentum', 'ef14', 'none', 'ef21'),
    momentum(0.999),
  ),
  dgc: sparse(
    share('0.1%'),
    ['8', '1', '2', '3', '4'],
    momentum(0.9),
    { key: 'clip', kind: 'decimal', min: 0.0001, max: 1_000_000, byDefault: 1 },
    integer('warmup', 4, [0, 15]),
    word('feedback', 'dgc'),
  ),
} as const satisfies Record<string, readonly Setting[]>;

export type CodecName = keyof typeof CODEC_SETTINGS;

/** Other names for a codec with settings. */
export const PRESETS: Readonly<Record<string, string>> = {
  sparseloco: 'chunk:keep=64,values=2,feedback=momentum,momentum=0.95',
};

export function defaultOf(setting: Setting): string {
  return setting.kind === 'word' ? setting.words[0]! : String(setting.byDefault);
}

/** The canonical text of a setting's value, or what is wrong with it. */
export function readSetting(
  setting: Setting,
  text: string,
): { readonly text: string } | { readonly problem: string } {
  switch (setting.kind) {
    case 'word':
      return setting.words.includes(text)
        ? { text }
        : { problem: `is one of ${setting.words.join(', ')}` };
    case 'share': {
      const keep = readShare(text);
      if (keep === undefined) return { problem: 'is a share like 0.5% or a number of elements' };
      return { text: shareText(keep) };
    }
    default: {
      const { kind, min, max } = setting;
      const pattern = kind === 'decimal' ? /^\d{1,7}(?:\.\d{1,4})?$/ : /^\d{1,7}$/;
      const value = pattern.test(text) ? Number(text) : Number.NaN;
      const isPower = kind !== 'power' || Number.isInteger(Math.log2(value));
      if (value >= min && value <= max && isPower) return { text: String(value) };
      return {
        problem: `is ${kind === 'power' ? 'a power of two' : `${article(kind)}`} in ${min}..${max}`,
      };
    }
  }
}

const article = (kind: string) => (kind === 'integer' ? 'an integer' : 'a decimal');

const PARTS_MAX = 1_000_000;

/** `0.5%` in parts per million, or a number of elements; both at least one. */
export function readShare(text: string): Keep | undefined {
  const percent = /^(\d{1,3})(?:\.(\d{1,4}))?%$/.exec(text);
  if (percent !== null) {
    const partsPerMillion = Number(percent[1]) * 10_000 + Number((percent[2] ?? '').padEnd(4, '0'));
    const isShare = partsPerMillion >= 1 && partsPerMillion <= PARTS_MAX;
    return isShare ? { kind: 'share', partsPerMillion } : undefined;
  }
  const count = /^[1-9]\d{0,9}$/.test(text) ? Number(text) : 0;
  return count >= 1 && count <= 2 ** 30 ? { kind: 'count', count } : undefined;
}

function shareText(keep: Keep): string {
  if (keep.kind === 'count') return String(keep.count);
  const whole = Math.floor(keep.partsPerMillion / 10_000);
  const rest = String(keep.partsPerMillion % 10_000)
    .padStart(4, '0')
    .replace(/0+$/, '');
  return rest === '' ? `${whole}%` : `${whole}.${rest}%`;
}
