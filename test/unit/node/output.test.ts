import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  formatBytes,
  formatDuration,
  formatTable,
  Output,
  stderrLogger,
} from '../../../node/cli/output.ts';
import { ProgressBar } from '../../../node/cli/progress-bar.ts';
import { KadreError } from '../../../src/base/errors.ts';

function sink(init: { isTTY?: boolean; columns?: number } = {}) {
  const written: string[] = [];
  return { ...init, written, write: (text: string) => written.push(text) > 0 };
}

test('a failure goes to stdout as JSON, or to stderr as lines, with the status of its code', () => {
  const [out, err] = [sink(), sink()];
  const error = new KadreError({ code: 'OUTPUT_MISMATCH', peer: 'p' }, 'differs');
  assert.equal(new Output(out, err, { json: true }).failure(error), 6);
  assert.deepEqual(JSON.parse(out.written[0]!), { v: 1, error: error.toJSON() });
  assert.deepEqual(err.written, []);
  assert.equal(new Output(out, err, { json: false }).failure(error), 6);
  assert.equal(out.written.length, 1);
  assert.match(err.written.join(''), /error OUTPUT_MISMATCH: differs \(peer p\)/);
});

test('bars are drawn on a terminal only, fit it, and are removed', () => {
  const pipe = sink();
  new ProgressBar(pipe).show('shards', 1, 2);
  assert.deepEqual(pipe.written, []);
  const terminal = sink({ isTTY: true, columns: 20 });
  const bar = new ProgressBar(terminal);
  bar.show('shards', 1, 2);
  bar.show('shards', 1, 2);
  assert.equal(terminal.written.length, 1, 'nothing is redrawn that did not change');
  assert.ok(terminal.written[0]!.replace('\r\u001b[K', '').length < 20);
  bar.clear();
  assert.equal(terminal.written.at(-1), '\r\u001b[K');
});

test('the log leaves out what is less severe than asked for', () => {
  const err = sink();
  const log = stderrLogger(err, 'warn');
  log.log('info', 'quiet');
  log.log('warn', 'loud', { n: 1 });
  assert.deepEqual(err.written, ['warn loud {"n":1}\n']);
});

test('sizes, durations and columns read well', () => {
  assert.deepEqual([0, 1023, 1536, 3 * 2 ** 30].map(formatBytes), [
    '0 B',
    '1023 B',
    '1.5 KiB',
    '3.0 GiB',
  ]);
  assert.deepEqual([5.4, 1234, 75_300, 7_320_000].map(formatDuration), [
    '5 ms',
    '1.2 s',
    '1 min 15 s',
    '2 h 2 min',
  ]);
  assert.deepEqual(
    formatTable([
      ['a', 'bb'],
      ['ccc', 'd'],
    ]),
    ['a    bb', 'ccc  d'],
  );
});

test('log lines as JSON: one object a line, with errors that say something', () => {
  const err = sink();
  const log = stderrLogger(err, 'info', { format: 'json', wallMs: () => 0 });
  log.log('debug', 'quiet');
  log.log('warn', 'disk', {
    cause: Object.assign(new Error('full'), { code: 'ENOSPC' }),
    bytes: 5n,
  });
  log.log('info', 'bare');
  const lines = err.written.map((line) => line.trimEnd());
  assert.deepEqual(
    lines.map((line) => JSON.parse(line)),
    [
      {
        ...{ v: 1, time: '1970-01-01T00:00:00.000Z', level: 'warn', event: 'disk' },
        fields: { cause: { code: 'ENOSPC', message: 'full' }, bytes: '5' },
      },
      { v: 1, time: '1970-01-01T00:00:00.000Z', level: 'info', event: 'bare' },
    ],
  );
});
