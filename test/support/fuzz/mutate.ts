/**
 * Makes hostile inputs out of good ones: bytes are flipped, cut, repeated and spliced; values are
 * bent where they stand in a structure and encoded properly again, so that what a decoder does
 * behind its first check is reached too.
 */
import { concatBytes, utf8 } from '../../../src/base/bytes.ts';
import { decodeCanonical, encodeCanonical } from '../../../src/wire/cbor.ts';
import type { Shape } from '../../../src/wire/shape.ts';
import type { Dice } from './dice.ts';

/** How an input is spelled: canonical encoding, JSON, other text, or bytes with no grammar. */
export type Form = 'cbor' | 'json' | 'text' | 'bytes';

const RANDOM_BYTES_MAX = 300;
const anything: Shape<unknown> = () => undefined;

/** One input; about one in ten has nothing to do with the seeds. */
export function hostileInput(dice: Dice, form: Form, seeds: readonly Uint8Array[]): Uint8Array {
  if (dice.oneIn(10) || seeds.length === 0) return randomInput(dice, form);
  const seed = dice.pick(seeds);
  const isStructured = form === 'cbor' || form === 'json';
  if (isStructured && dice.below(3) > 0) return bentValue(dice, form, seed);
  let bytes = seed;
  for (let edits = 1 + dice.below(3); edits > 0; edits--) {
    bytes = bentBytes(dice, bytes, dice.pick(seeds));
  }
  return bytes;
}

/** Nesting, counts and lengths that promise more than any memory holds. */
const BOMBS: Readonly<Record<Form, readonly Uint8Array[]>> = {
  cbor: [
    new Uint8Array(16_384).fill(0x81),
    new Uint8Array(16_384).fill(0xa1),
    Uint8Array.of(0x9b, 0, 0, 0, 1, 0, 0, 0, 0),
    Uint8Array.of(0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
    Uint8Array.of(0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
    Uint8Array.of(0x9f, 1),
    Uint8Array.of(0xfb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0),
  ],
  json: [utf8('['.repeat(50_000)), utf8('{"a":'.repeat(20_000)), utf8('1e999'), utf8('"\\ud800"')],
  text: [
    utf8('9'.repeat(20_000)),
    utf8(' '.repeat(20_000)),
    utf8('a='.repeat(10_000)),
    utf8('('.repeat(20_000)),
    utf8('-'.repeat(20_000)),
    utf8('x+'.repeat(20_000)),
  ],
  bytes: [new Uint8Array(64).fill(0xff), new Uint8Array(20_000)],
};

function randomInput(dice: Dice, form: Form): Uint8Array {
  if (dice.oneIn(4)) return dice.pick(BOMBS[form]);
  if (form === 'bytes' || dice.oneIn(2)) return dice.bytes(dice.below(RANDOM_BYTES_MAX));
  if (form === 'text') return utf8(randomText(dice));
  return encoded(form, randomValue(dice, 0)) ?? dice.bytes(8);
}

function bentValue(dice: Dice, form: 'cbor' | 'json', seed: Uint8Array): Uint8Array {
  let value = parsed(form, seed);
  for (let edits = 1 + dice.below(2); edits > 0; edits--) value = bent(dice, value);
  // What no encoder writes is left to the edits of bytes.
  return encoded(form, value) ?? bentBytes(dice, seed, seed);
}

function parsed(form: 'cbor' | 'json', seed: Uint8Array): unknown {
  if (form === 'json') return JSON.parse(Buffer.from(seed).toString('utf8'));
  const decoded = decodeCanonical(seed, anything, seed.length);
  return decoded.ok ? decoded.value : undefined;
}

function encoded(form: 'cbor' | 'json', value: unknown): Uint8Array | undefined {
  try {
    return form === 'json' ? utf8(JSON.stringify(value) ?? '') : encodeCanonical(value);
  } catch {
    return undefined;
  }
}

/** A copy with one place in it changed: deep places as well as shallow ones. */
function bent(dice: Dice, value: unknown): unknown {
  if (value instanceof Uint8Array) return bentBytes(dice, value, value);
  if (Array.isArray(value)) return bentList(dice, value);
  if (typeof value === 'object' && value !== null) {
    return bentMap(dice, value as Readonly<Record<string, unknown>>);
  }
  if (typeof value === 'number' && dice.oneIn(2)) return value + dice.pick([-1, 1, 2 ** 32]);
  if (typeof value === 'string' && dice.oneIn(2)) return bentText(dice, value);
  return randomValue(dice, 0);
}

function bentList(dice: Dice, list: readonly unknown[]): unknown {
  const at = dice.below(list.length);
  switch (list.length === 0 ? 9 : dice.below(10)) {
    case 0:
      return list.toSpliced(at, 1);
    case 1:
      return list.toSpliced(at, 0, list[dice.below(list.length)]);
    case 2:
      return list.toReversed();
    case 3:
      return randomValue(dice, 0);
    case 9:
      return [...list, randomValue(dice, 1)];
    default:
      return list.with(at, bent(dice, list[at]));
  }
}

function bentMap(dice: Dice, map: Readonly<Record<string, unknown>>): unknown {
  const names = Object.keys(map);
  const name = dice.pick(names) ?? 'v';
  switch (dice.below(10)) {
    case 0:
      return Object.fromEntries(Object.entries(map).filter(([each]) => each !== name));
    case 1:
      return { ...map, [randomText(dice)]: randomValue(dice, 1) };
    case 2:
      return { ...map, [name]: map[dice.pick(names)] };
    case 3:
      return { ...map, [name]: randomValue(dice, 0) };
    default:
      return { ...map, [name]: bent(dice, map[name]) };
  }
}

function bentText(dice: Dice, text: string): string {
  const at = dice.below(text.length + 1);
  return text.slice(0, at) + randomText(dice) + text.slice(at + dice.below(4));
}

const WORDS = ['', ' ', '\n', '\0', ',', '=', '"', '--', '@1', '/', '..', '12D3', '__proto__', '∞'];

function randomText(dice: Dice): string {
  const parts = Array.from({ length: dice.below(6) }, () =>
    dice.oneIn(2) ? dice.pick(WORDS) : String.fromCharCode(32 + dice.below(95)),
  );
  return parts.join('');
}

const NUMBERS = [0, -0, 1, -1, 0.5, 255, 256, 65_536, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 1e308];
const LENGTHS = [0, 1, 4, 16, 31, 32, 33, 38, 64, 65];
const DEPTH_MAX = 3;

function randomValue(dice: Dice, depth: number): unknown {
  switch (dice.below(depth >= DEPTH_MAX ? 5 : 7)) {
    case 0:
      return dice.pick([null, true, false]);
    case 1:
      return dice.pick(NUMBERS);
    case 2:
      return dice.next();
    case 3:
      return dice.oneIn(4) ? 'x'.repeat(dice.below(9_000)) : randomText(dice);
    case 4:
      return dice.bytes(dice.pick(LENGTHS));
    case 5:
      return Array.from({ length: dice.below(5) }, () => randomValue(dice, depth + 1));
    default:
      return Object.fromEntries(
        Array.from({ length: dice.below(4) }, () => [
          randomText(dice),
          randomValue(dice, depth + 1),
        ]),
      );
  }
}

const HOSTILE_BYTES = [
  0, 1, 0x1b, 0x5b, 0x7f, 0x80, 0x9b, 0x9f, 0xa0, 0xbb, 0xd8, 0xf6, 0xfb, 0xff,
];

function bentBytes(dice: Dice, bytes: Uint8Array, other: Uint8Array): Uint8Array {
  const at = dice.below(bytes.length);
  const length = 1 + dice.below(dice.pick([4, 32, Math.max(bytes.length, 1)]));
  const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (dice.below(8)) {
    case 0:
      return head;
    case 1:
      return concatBytes([head, bytes.subarray(at + length)]);
    case 2:
      return concatBytes([head, tail.subarray(0, length), tail]);
    case 3:
      return concatBytes([head, dice.bytes(length), bytes.subarray(at + length)]);
    case 4:
      return concatBytes([bytes, dice.bytes(1 + dice.below(8))]);
    case 5:
      return concatBytes([head, other.subarray(dice.below(other.length))]);
    default: {
      const copy = bytes.slice();
      if (copy.length === 0) return dice.bytes(1);
      copy[at] = dice.oneIn(2) ? copy[at]! ^ (1 << dice.below(8)) : dice.pick(HOSTILE_BYTES);
      return copy;
    }
  }
}
