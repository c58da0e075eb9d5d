/** `npm run train:results` on data made here: it measures, and fails when a bar is missed. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { makeBlobs } from '../../support/blob-data.ts';

const run = promisify(execFile);
const SCRIPT = new URL('../../../scripts/train-results.ts', import.meta.url).pathname;
const SHAPE = { rows: 400, features: 6, classes: 4, spread: 0.5 };

function csvOf(part: string): string {
  const { features, labels } = makeBlobs('results', part, SHAPE);
  const rows = [...labels].map((label, i) => {
    const row = features.subarray(i * SHAPE.features, (i + 1) * SHAPE.features);
    return [...row, label].join(',');
  });
  return `# made here\n${rows.join('\n')}\n`;
}

test('parts are measured on any file, and a missed bar is an error', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kadre-results-'));
  try {
    for (const part of ['train', 'test']) await writeFile(join(folder, part), csvOf(part));
    const files = ['--train', join(folder, 'train'), '--test', join(folder, 'test')];
    const measure = (...args: string[]) => run(process.execPath, [SCRIPT, ...args, ...files]);
    const codecs = ['--codecs', 'q8;topk', '--rounds', '4', '--seeds', '1'];
    const { stdout } = await measure('compression', ...codecs);
    assert.match(stdout, /^q8 \| 4 rounds \| .* payload bits 4 times less.* \| reached$/m);
    assert.match(stdout, /^topk \| 4 rounds \| /m);
    const once = ['--rounds', '1', '--seeds', '1'];
    const lost = await measure('accuracy', ...once, '--splits', 'even').catch((error) => error);
    assert.equal(lost.code, 1);
    assert.match(lost.stdout, /two classes per client \| .* MISSED$/m);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
