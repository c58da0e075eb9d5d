/** The grammar of rules, and the plans that are refused (federated-rules.md, sections 9 and 10). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KadreError } from '../../../src/base/errors.ts';
import { parseCodec } from '../../../src/federated/codec/codec-spec.ts';
import { checkRule, requireSafeRule } from '../../../src/federated/rule/check-rule.ts';
import { decide } from '../../../src/federated/rule/decide.ts';
import {
  bucket,
  DEFAULT_PIPELINE,
  krum,
  mean,
  median,
  type Pipeline,
  pipe,
} from '../../../src/federated/rule/pipeline.ts';
import { formatPipeline, parsePipeline } from '../../../src/federated/rule/rule-text.ts';

const dense = parseCodec('q8');
const sparse = parseCodec('topk');
const estimated = parseCodec('topk:feedback=ef21');

function read(text: string): Pipeline {
  const parsed = parsePipeline(text);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return parsed.value;
}

test('the default is bucketing by two and clipping around the last aggregate', () => {
  const text = 'bucket:size=2+centered-clip:steps=3,radius=median';
  assert.equal(formatPipeline(DEFAULT_PIPELINE), text);
  assert.deepEqual(read('bucket+centered-clip'), DEFAULT_PIPELINE);
});

test('malformed rules are refused with what would do', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /unknown name/],
    ['meen', /did you mean mean/],
    ['mean:1', /takes no argument "1"/],
    ['krum', /needs faulty/],
    ['krum:faulty=5,faulty=6', /given twice/],
    ['krum:05', /faulty must be a whole number 0..255/],
    ['krum:256', /0..255/],
    ['krum:-1', /0..255/],
    ['krum:1.0', /0..255/],
    ['krum:radius=1', /takes no argument/],
    ['krum:', /faulty must be/],
    ['centered-clip:3,mean', /median or a decimal/],
    ['centered-clip:radius=0', /radius must be/],
    ['centered-clip:17', /1..16/],
    ['bucket:2', /ends with a rule/],
    ['mean+', /unknown name ""/],
    ['mean+bucket+mean', /only the last/],
    [`${'bucket+'.repeat(9)}mean`, /over 8 stages/],
    [`mean${' '.repeat(600)}`, /over 512 characters/],
    ['__proto__', /unknown name/],
    ['Mean', /unknown name/],
    ['mean ', /unknown name/],
  ];
  for (const [text, detail] of cases) {
    const parsed = parsePipeline(text);
    assert.ok(!parsed.ok && parsed.reason === 'bad-spec', text);
    assert.match(parsed.detail!, detail, text);
  }
});

test('coordinate rules and sparse messages never meet, but through EF21', () => {
  const plan = { quorum: 24, maxFaulty: 2 };
  for (const text of ['median', 'trimmed-mean:2', 'bulyan:2', 'nnm:2+median', 'bucket:2+median']) {
    const pipeline = read(text);
    const refused = checkRule({ ...plan, pipeline, codec: sparse });
    assert.ok(!refused.ok && refused.reason === 'sparse-coordinates', text);
    for (const codec of ['chunk', 'randk', 'dgc', 'sparseloco'].map(parseCodec)) {
      assert.ok(!checkRule({ ...plan, pipeline, codec }).ok, `${text} and ${codec.text}`);
    }
    assert.ok(checkRule({ ...plan, pipeline, codec: dense }).ok, text);
    assert.ok(checkRule({ ...plan, pipeline, codec: estimated }).ok, text);
  }
  for (const text of ['bucket+centered-clip', 'multi-krum:2', 'nnm:2+geometric-median', 'mean']) {
    assert.ok(checkRule({ ...plan, pipeline: read(text), codec: sparse }).ok, text);
  }
});

test('a plan that its rule cannot withstand is refused with its reason', () => {
  const cases: readonly (readonly [string, number, number, string | undefined])[] = [
    ['krum:5', 12, 5, 'too-few-updates'],
    ['krum:5', 13, 5, undefined],
    ['bulyan:5', 22, 5, 'too-few-updates'],
    ['bulyan:5', 23, 5, undefined],
    ['trimmed-mean:5', 10, 5, 'too-few-updates'],
    ['nnm:5+mean', 10, 0, 'too-few-updates'],
    ['multi-krum:1,9', 8, 1, 'too-few-updates'],
    ['mean', 0, 0, 'too-few-updates'],
    ['median', 513, 0, 'too-many-updates'],
    ['krum:2', 25, 5, 'faulty-below-plan'],
    ['nnm:4+median', 25, 5, 'faulty-below-plan'],
    ['bucket:2+centered-clip', 20, 5, 'no-honest-majority'],
    ['bucket:2+centered-clip', 21, 5, undefined],
    ['median', 10, 5, 'no-honest-majority'],
  ];
  for (const [text, quorum, maxFaulty, reason] of cases) {
    const checked = checkRule({ pipeline: read(text), codec: dense, quorum, maxFaulty });
    assert.equal(checked.ok ? undefined : checked.reason, reason, `${text} of ${quorum}`);
  }
});

test('a plan of our own throws a coded error that carries the reason', () => {
  const demands = { pipeline: pipe(median()), codec: sparse, quorum: 9, maxFaulty: 1 };
  assert.throws(
    () => requireSafeRule(demands),
    (error) =>
      error instanceof KadreError &&
      error.code === 'UNSAFE_PLAN' &&
      error.data.reason === 'sparse-coordinates' &&
      /use EF21/.test(error.message),
  );
  assert.equal(requireSafeRule({ ...demands, codec: dense }), demands.pipeline);
});

test('rounds that a rule cannot decide are refused', () => {
  const seed = new Uint8Array(32);
  const round = (count: number, change = {}) => ({
    arrivals: Array.from({ length: count }, () => ({ weight: 1, staleness: 0, ...change })),
    seed,
    fractionBits: 24,
  });
  const cases = [
    [pipe(krum(1)), round(4), 'too-few-updates'],
    [pipe(bucket(2), krum(1)), round(8), 'too-few-updates'],
    [pipe(mean()), round(0), 'too-few-updates'],
    [pipe(mean()), round(513), 'too-many-updates'],
    [pipe(mean()), round(2, { weight: 0 }), 'bad-weight'],
    [pipe(mean()), round(2, { weight: 1.5 }), 'bad-weight'],
    [pipe(mean()), round(2, { weight: Number.NaN }), 'bad-weight'],
    [pipe(mean()), round(2, { weight: 2 ** 20 }), 'bad-weight'],
    [pipe(mean()), round(2, { staleness: 5 }), 'too-stale'],
    [pipe(mean()), round(2, { staleness: -1 }), 'too-stale'],
    [pipe(krum(1)), round(5), 'gram-of-other-updates'],
  ] as const;
  for (const [pipeline, context, reason] of cases) {
    const decided = decide(pipeline, context);
    assert.equal(decided.ok ? undefined : decided.reason, reason);
  }
});
