/** The grammar of --codec: canonical texts, refusals, and the page's own examples. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  CODEC_SETTINGS,
  type CodecName,
  defaultOf,
  type Setting,
} from '../../../../src/federated/codec/codec-settings.ts';
import { codecOf, parseCodec } from '../../../../src/federated/codec/codec-spec.ts';
import { contextOf, SMALL_SCHEMA } from '../../../support/updates.ts';

const page = readFileSync(
  new URL('../../../../docs/protocol/federated-codec.md', import.meta.url),
  'utf8',
);

test('the canonical text leaves out defaults and keeps the order of the table', () => {
  const cases: [string, string][] = [
    ['q8', 'q8'],
    ['q8:feedback=ef14,block=256', 'q8'],
    ['q8:feedback=none,block=512', 'q8:block=512,feedback=none'],
    ['topk:keep=1.00%', 'topk'],
    ['topk:keep=0.5000%,values=2', 'topk:keep=0.5%,values=2'],
    ['topk:keep=007', ''],
    ['topk:keep=7', 'topk:keep=7'],
    ['dct:momentum=0.9990', 'dct'],
    ['dgc:warmup=0,clip=2.50', 'dgc:clip=2.5,warmup=0'],
    ['sparseloco', 'chunk:keep=64,values=2,feedback=momentum,momentum=0.95'],
  ];
  for (const [text, canonical] of cases) {
    if (canonical === '') assert.throws(() => parseCodec(text), { code: 'BAD_CODEC' });
    else assert.equal(parseCodec(text).text, canonical);
  }
});

function texts(setting: Setting): fc.Arbitrary<string> {
  switch (setting.kind) {
    case 'word':
      return fc.constantFrom(...setting.words);
    case 'share':
      return fc.oneof(
        fc.integer({ min: 1, max: 1_000_000 }).map((ppm) => `${ppm / 10_000}%`),
        fc.integer({ min: 1, max: 2 ** 30 }).map(String),
      );
    case 'power':
      return fc
        .integer({ min: Math.log2(setting.min), max: Math.log2(setting.max) })
        .map((log2) => String(2 ** log2));
    case 'integer':
      return fc.integer({ min: setting.min, max: setting.max }).map(String);
    case 'decimal':
      return fc.constantFrom(setting.min, setting.max, setting.byDefault).map(String);
  }
}

test('any settings in any order have one canonical text, which reads as itself', () => {
  const any = fc.constantFrom(...(Object.keys(CODEC_SETTINGS) as CodecName[])).chain((name) => {
    const table: readonly Setting[] = CODEC_SETTINGS[name];
    return fc
      .tuple(...table.map((s) => texts(s).map((text) => `${s.key}=${text}`)))
      .chain((parts) => fc.shuffledSubarray(parts, { minLength: 1 }))
      .map((parts) => `${name}:${parts.join(',')}`);
  });
  let accepted = 0;
  fc.assert(
    fc.property(any, (text) => {
      let spec: ReturnType<typeof parseCodec>;
      try {
        spec = parseCodec(text);
      } catch (error) {
        // Pairs that contradict each other, nothing else.
        assert.match(String(error), /momentum needs feedback=momentum|keep is above size/);
        return;
      }
      accepted += 1;
      assert.equal(parseCodec(spec.text).text, spec.text);
      assert.deepEqual(parseCodec(spec.text), spec);
      codecOf(spec);
    }),
    { numRuns: 500 },
  );
  assert.ok(accepted > 200);
});

test('what is wrong is named', () => {
  const cases: [string, RegExp][] = [
    ['topkk', /did you mean topk/],
    ['', /unknown codec/],
    ['zzzzzz', /known: q8/],
    ['constructor', /unknown codec/],
    ['q8:blok=64', /did you mean block/],
    ['q8:levels=lloyd', /unknown setting "levels"/],
    ['q8:block=100', /power of two in 16\.\.65536/],
    ['q8:block=8', /power of two/],
    ['q8:block', /KEY=VALUE/],
    ['q8:block=64=64', /KEY=VALUE/],
    ['q8:block=64,block=64', /given twice/],
    ['q8:', /unknown setting ""/],
    ['q8:block=64:block=64', /second colon/],
    ['topk:keep=0', /share/],
    ['topk:keep=0%', /share/],
    ['topk:keep=100.0001%', /share/],
    ['topk:keep=1e9', /share/],
    ['topk:momentum=0.5', /momentum needs/],
    ['chunk:size=64,keep=65', /keep is above size/],
    ['powersgd:rank=33', /integer in 1\.\.32/],
    ['vote:feedback=ef14', /one of none/],
    ['dgc:clip=0', /decimal in/],
    ['sparseloco:keep=3', /unknown codec/],
  ];
  for (const [text, message] of cases) {
    assert.throws(() => parseCodec(text), { code: 'BAD_CODEC', message }, text);
  }
});

test("the page's examples and names are the code's", () => {
  const grammar = page.split('## 5. Grammar')[1]!.split('## 6.')[0]!;
  const examples = grammar.split('Examples:')[1]!.match(/`[^`]+`/g)!;
  for (const example of examples) {
    const text = example.slice(1, -1);
    assert.equal(parseCodec(text).text, text);
  }
  const rows = grammar.split('\n').filter((line) => /^\| `/.test(line));
  const named = rows.flatMap((row) => row.split('|')[1]!.match(/[a-z0-9]+/g)!);
  assert.deepEqual(named, [...Object.keys(CODEC_SETTINGS), 'sparseloco']);
  for (const row of rows.filter((line) => !line.includes('sparseloco'))) {
    const [, names, settings] = row.split(/(?<!\\)\|/);
    for (const name of names!.match(/[a-z0-9]+/g)! as CodecName[]) {
      for (const setting of CODEC_SETTINGS[name] as readonly Setting[]) {
        // Every default stands on the page.
        assert.ok(
          settings!.includes(`\`${setting.key}=${defaultOf(setting)}`),
          `${name} ${setting.key}`,
        );
      }
    }
  }
});

test('DGC keeps more while it warms up', () => {
  const codec = codecOf(parseCodec('dgc:keep=1,warmup=2'));
  const x = new Float32Array(SMALL_SCHEMA.elements).fill(0.25);
  const kept = [0, 1, 2].map((round) => {
    const context = contextOf(SMALL_SCHEMA, round);
    const update = codec.decode(codec.encode(x, context), context);
    assert.ok(update.ok && update.value.form === 'sparse');
    return update.value.indices.length;
  });
  const d = SMALL_SCHEMA.elements;
  assert.deepEqual(kept, [Math.floor(d / 4), Math.floor(d / 16), 1]);
});
