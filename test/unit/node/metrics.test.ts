import assert from 'node:assert/strict';
import { test } from 'node:test';
import { METRICS, metricsText } from '../../../node/metrics.ts';
import { makeFakeNode } from '../../support/fake-node.ts';

const status = makeFakeNode().status();

test('every metric is named, typed and valued in the text format', () => {
  const lines = metricsText(status).trimEnd().split('\n');
  const names = METRICS.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const { name, type } of METRICS) {
    assert.match(name, /^kadre_[a-z_]+$/);
    assert.equal(type === 'counter', name.endsWith('_total'), name);
    assert.ok(lines.includes(`# TYPE ${name} ${type}`));
    assert.ok(lines.some((line) => line.startsWith(`# HELP ${name} `)));
    const sample = lines.find((line) => line.startsWith(name) && /[ {]/.test(line[name.length]!));
    assert.match(
      sample ?? '',
      /^[a-z_]+(?:\{[a-z]+="[^"]*"(?:,[a-z]+="[^"]*")*\})? \d+(?:\.\d+)?$/,
    );
  }
});

test('values follow the status, and labels cannot break out of their quotes', () => {
  const text = metricsText({
    ...status,
    network: 'a"b\\c\nd',
    jobs: { running: 1, done: 2, failed: 3 },
    resting: 'draining',
  });
  assert.match(text, /network="a\\"b\\\\c\\nd"/);
  assert.match(text, /^kadre_jobs_ended_total\{state="failed"\} 3$/m);
  assert.match(text, /^kadre_resting 1$/m);
});
