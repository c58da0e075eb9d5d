/** Every reason of docs/protocol/federated-codec.md, 2.3, by a container bent for it alone. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  bellValues,
  codecFor,
  contextOf,
  flatSchema,
  SMALL_SCHEMA,
} from '../../../support/updates.ts';

const context = contextOf(SMALL_SCHEMA);
const x = bellValues(SMALL_SCHEMA.elements);

interface Malformation {
  readonly reason: string;
  readonly codec: string;
  readonly bend: (bytes: Uint8Array, view: DataView) => Uint8Array | undefined;
  /** In place of the usual vector. */
  readonly x?: Float32Array;
}

const poke =
  (at: number, value: number): Malformation['bend'] =>
  (bytes) => {
    assert.notEqual(bytes.at(at), value);
    bytes[at < 0 ? bytes.length + at : at] = value;
    return undefined;
  };
const scale =
  (number: number, value: number): Malformation['bend'] =>
  (_, view) =>
    void view.setUint16(64 + 2 * number, value, true);
const lastBit: Malformation['bend'] = (bytes) =>
  void bytes.set([bytes.at(-1)! | 128], bytes.length - 1);
const E1 = 1 << 11;

/** One value that is not zero, at the end: its code and scale are easy to bend. */
const single = new Float32Array(SMALL_SCHEMA.elements);
single[single.length - 1] = 0.5;
/** Four of them, in the last chunk of 64. */
const four = single.map((_, i) => (i >= single.length - 4 ? 0.5 : 0));

const MALFORMATIONS: readonly Malformation[] = [
  { reason: 'too-short', codec: 'q8', bend: (bytes) => bytes.subarray(0, 63) },
  { reason: 'bad-magic', codec: 'q8', bend: poke(3, 0x32) },
  { reason: 'unknown-version', codec: 'q8', bend: poke(4, 2) },
  { reason: 'wrong-codec', codec: 'q8', bend: poke(5, 2) },
  { reason: 'wrong-flags', codec: 'q8', bend: poke(7, 1) },
  { reason: 'wrong-flags', codec: 'q4', bend: poke(6, 2) },
  { reason: 'wrong-elements', codec: 'q8', bend: poke(15, 1) },
  { reason: 'wrong-block', codec: 'q8', bend: poke(16, 9) },
  { reason: 'wrong-value-bits', codec: 'q8', bend: poke(17, 4) },
  { reason: 'wrong-order', codec: 'powersgd:rank=1', bend: poke(19, 2) },
  { reason: 'wrong-kept', codec: 'q8', bend: poke(20, 1) },
  { reason: 'wrong-kept', codec: 'topk:keep=20', bend: poke(20, 21) },
  { reason: 'wrong-kept', codec: 'randk:keep=20', bend: poke(20, 19) },
  { reason: 'wrong-rice', codec: 'topk', bend: poke(18, 0) },
  { reason: 'wrong-rice', codec: 'topk:index=bitmap', bend: poke(18, 6) },
  { reason: 'wrong-round', codec: 'q8', bend: poke(24, 8) },
  { reason: 'wrong-round', codec: 'q8', bend: poke(31, 255) },
  { reason: 'wrong-schema', codec: 'q8', bend: poke(47, 0) },
  { reason: 'reserved-not-zero', codec: 'q8', bend: poke(63, 1) },
  { reason: 'wrong-length', codec: 'q8', bend: (bytes) => Uint8Array.from([...bytes, 0]) },
  { reason: 'wrong-length', codec: 'q8', bend: poke(55, 1) },
  {
    // Sixty-four zeros more behind the indices, and a payload that says so.
    reason: 'wrong-length',
    codec: 'topk:keep=20',
    bend: (bytes) => {
      const values = bytes.length - 10;
      const longer = new Uint8Array(bytes.length + 64);
      longer.set(bytes.subarray(0, values));
      longer.set(bytes.subarray(values), values + 64);
      longer[48] = longer.length - 64;
      return longer;
    },
  },
  { reason: 'padding-not-zero', codec: 'q8', bend: poke(127, 1) },
  {
    reason: 'padding-not-zero',
    codec: 'q3',
    bend: lastBit,
  },
  {
    reason: 'padding-not-zero',
    codec: 'vote',
    bend: lastBit,
  },
  { reason: 'padding-not-zero', codec: 'ternary', bend: poke(-1, 242) },
  { reason: 'padding-not-zero', codec: 'topk:keep=20,index=bitmap', bend: poke(128 + 124, 128) },
  { reason: 'padding-not-zero', codec: 'topk:keep=1', bend: poke(128 + 63, 1), x: single },
  { reason: 'scale-not-normal', codec: 'q8', bend: scale(0, E1 | 1023) },
  { reason: 'scale-not-normal', codec: 'ternary', bend: scale(0, E1 | 1) },
  { reason: 'scale-not-normal', codec: 'powersgd:rank=1', bend: scale(0, E1) },
  // The one entry is the last element: one more in its remainder leads past it.
  { reason: 'index-out-of-range', codec: 'topk:keep=1', bend: poke(128, 254), x: single },
  {
    reason: 'index-out-of-range',
    codec: 'topk:keep=20',
    bend: (bytes) => void bytes.fill(0, 128, bytes.length - 10),
  },
  {
    reason: 'indices-cut-short',
    codec: 'topk:keep=200,values=1',
    bend: (bytes) => {
      const values = bytes.length - 25;
      const shorter = new Uint8Array([...bytes.subarray(0, 128), ...bytes.subarray(values)]);
      shorter[48] = shorter.length - 64;
      return shorter;
    },
  },
  {
    reason: 'bitmap-count',
    codec: 'topk:keep=20,index=bitmap',
    bend: (bytes) => void bytes.fill(255, 128, 140),
  },
  {
    reason: 'bitmap-count',
    codec: 'topk:keep=20,index=bitmap',
    bend: (bytes) => void bytes.fill(0, 128, 252),
  },
  {
    // Four entries in a row where the plan keeps three: the bitmap's last byte holds five elements.
    reason: 'chunk-overfull',
    codec: 'chunk:size=64,keep=3,index=bitmap',
    bend: (bytes) => {
      const wide = codecFor('chunk:size=64,keep=4,index=bitmap').encode(four, context);
      bytes.set(wide.subarray(0, bytes.length));
      return wide;
    },
  },
  { reason: 'code-refused', codec: 'q8', bend: poke(-1, 128) },
  { reason: 'code-refused', codec: 'q4', bend: (bytes) => void bytes.fill(0x88, 200, 201) },
  { reason: 'code-refused', codec: 'ternary', bend: poke(130, 243) },
  { reason: 'code-refused', codec: 'powersgd:rank=1', bend: poke(-1, 128) },
  { reason: 'zero-value', codec: 'topk:keep=20', bend: scale(0, 0) },
  { reason: 'scale-not-canonical', codec: 'q8', bend: scale(0, 0) },
  { reason: 'scale-not-canonical', codec: 'q8', bend: poke(-1, 2), x: single },
  { reason: 'scale-not-canonical', codec: 'q8', bend: poke(-1, 0), x: single },
  {
    reason: 'scale-not-canonical',
    codec: 'q2:levels=lloyd',
    bend: (bytes) => void bytes.fill(0, 128),
  },
  { reason: 'scale-not-canonical', codec: 'topk:keep=1', bend: poke(-1, 1), x: single },
  { reason: 'scale-not-canonical', codec: 'topk:keep=1,values=2', bend: poke(-1, 0), x: single },
  { reason: 'scale-not-canonical', codec: 'ternary', bend: scale(0, 0) },
  { reason: 'scale-not-canonical', codec: 'powersgd:rank=1', bend: scale(0, 0) },
  {
    // Both factors of the first column with the other sign: the same product, another spelling.
    reason: 'scale-not-canonical',
    codec: 'powersgd:rank=1',
    bend: (bytes) => {
      for (let i = 128; i < 128 + 64; i++) bytes[i] = -bytes[i]!;
      return undefined;
    },
  },
  { reason: 'element-overflow', codec: 'q8', bend: scale(0, (31 << 11) | 2047) },
  { reason: 'element-overflow', codec: 'ternary', bend: scale(0, (31 << 11) | 2047) },
  {
    reason: 'element-overflow',
    codec: 'topk:keep=1',
    bend: scale(0, (21 << 11) | 1024),
    x: single,
  },
  { reason: 'element-overflow', codec: 'powersgd:rank=1', bend: scale(0, (21 << 11) | 1041) },
  { reason: 'element-overflow', codec: 'dct:keep=40,values=1', bend: scale(0, (20 << 11) | 1024) },
];

for (const { reason, codec, bend, x: given } of MALFORMATIONS) {
  test(`${codec}: ${reason}`, () => {
    const bytes = codecFor(codec).encode(given ?? x, context);
    const right = codecFor(codec).decode(bytes, context);
    assert.ok(right.ok, right.ok ? '' : right.reason);
    const bent = bend(bytes, new DataView(bytes.buffer)) ?? bytes;
    const update = codecFor(codec).decode(bent, context);
    assert.equal(update.ok ? 'accepted' : update.reason, reason);
  });
}

test('the page names exactly the reasons tested here', () => {
  const page = readFileSync(
    new URL('../../../../docs/protocol/federated-codec.md', import.meta.url),
    'utf8',
  );
  const table = page.split('### 2.3')[1]!.split('## 3.')[0]!;
  const rows = [...table.matchAll(/^\| ((?:`[a-z-]+`(?:, )?)+) \|/gm)];
  const named = rows.flatMap(([, cell]) => [...cell!.matchAll(/`([a-z-]+)`/g)].map(([, r]) => r));
  const tested = new Set(MALFORMATIONS.map(({ reason }) => reason));
  assert.deepEqual([...tested].sort(), named.sort());
});

test('every truncation is refused by length', () => {
  for (const codec of ['q3', 'ternary', 'topk', 'chunk:size=64,keep=3', 'powersgd:rank=1', 'dct']) {
    const bytes = codecFor(codec).encode(x, context);
    for (let length = 0; length < bytes.length; length++) {
      const update = codecFor(codec).decode(bytes.subarray(0, length), context);
      assert.equal(update.ok, false);
      assert.ok(!update.ok && update.reason === (length < 64 ? 'too-short' : 'wrong-length'));
    }
  }
});

test('a header that claims much costs nothing', () => {
  const wide = contextOf(flatSchema(2 ** 30));
  for (const codec of ['q8', 'topk:keep=100%', 'chunk', 'randk', 'dct', 'ternary', 'vote']) {
    const small = codecFor(codec).encode(new Float32Array(5), contextOf(flatSchema(5)));
    const header = small.slice(0, 64);
    new DataView(header.buffer).setBigUint64(8, 2n ** 30n, true);
    header.set(wide.schema.hash, 32);
    new DataView(header.buffer).setBigUint64(48, 0n, true);
    new DataView(header.buffer).setUint32(20, 2 ** 22, true);
    const update = codecFor(codec).decode(header, wide);
    assert.equal(update.ok, false, codec);
  }
});
