import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { planRun } from '../../../scripts/test/parts.ts';
import { runCheck, runFolder } from '../../../scripts/test/run-part.ts';
import { countsLine, EMPTY_TALLY, type Tally } from '../../../scripts/test/tally.ts';

const folder = mkdtempSync(path.join(os.tmpdir(), 'kadre-runner-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const IMPORT = "import { test, describe } from 'node:test';\n";

/** Runs test files with these contents; failures come back as `file: name`. */
async function outcome(contents: Readonly<Record<string, string>>, timeoutMs = 30_000) {
  const files = Object.entries(contents).map(([name, text]) => {
    const file = path.join(folder, `${name}.test.mjs`);
    writeFileSync(file, IMPORT + text);
    return file;
  });
  const limits = { concurrency: 2, testTimeoutMs: 20_000 };
  const part = { kind: 'folder', name: 'planted', files, ...limits } as const;
  const tally = await runFolder(part, { root: folder, timeoutMs, write: () => undefined });
  return { ...tally, failures: tally.failures.map(named) };
}

function named(failure: Tally['failures'][number]): string {
  return `${path.basename(failure.file).replace('.test.mjs', '')}: ${failure.name}`;
}

describe('the test runner', () => {
  test('counts tests, subtests and skips, not suites', async () => {
    const text = `
      describe('s', () => { test('a', () => {}); test('b', { skip: true }, () => {}); });
      test('c', async (t) => { await t.test('sub', () => {}); });`;
    assert.deepEqual(await outcome({ good: text }), { passed: 3, skipped: 1, failures: [] });
  });

  test('a failing test and a failing hook are failures, their suite is none', async () => {
    const text = `
      describe('s', () => {
        test('bad', () => { throw new Error('x'); });
        test('ok', () => {});
      });`;
    const found = await outcome({ failing: text });
    assert.deepEqual(found, { passed: 1, skipped: 0, failures: ['failing: bad'] });
  });

  test('a file that crashes, exits early, hangs, or has no test is a failure', async () => {
    const found = await outcome({
      crash: 'process.exit(3);',
      early: "test('a', () => {}); test('exit', () => process.exit(0)); test('never', () => {});",
      empty: '',
      missing: "import './nowhere.mjs';",
    });
    assert.deepEqual(found.failures.map((name) => name.split(':')[0]).sort(), [
      'crash',
      'early',
      'empty',
      'missing',
    ]);
  });

  test('a run whose time is up is a failure of every file that did not finish', async () => {
    const found = await outcome({ hang: 'setInterval(() => {}, 1000);' }, 1_500);
    assert.deepEqual(found.failures, ['hang: did not finish']);
  });

  test('an error after the end of a test is a failure', async () => {
    const found = await outcome({
      late: "test('a', () => { setTimeout(() => { throw new Error('late'); }, 20); });",
    });
    assert.ok(found.failures.length > 0);
  });

  test('a static check passes or fails as its program does', async () => {
    const options = { root: folder, timeoutMs: 20_000, write: () => undefined };
    const check = { kind: 'check', name: 'c', command: 'node' } as const;
    const good = await runCheck({ ...check, args: ['-e', ''] }, options);
    assert.deepEqual(good, { ...EMPTY_TALLY, passed: 1 });
    const bad = await runCheck({ ...check, args: ['-e', 'process.exitCode = 1'] }, options);
    assert.equal(bad.failures.length, 1);
  });

  test('a test folder without test files is a failure', async () => {
    const found = await outcome({});
    assert.equal(found.failures.length, 1);
  });

  test('the plan holds the folders that exist, in order, and refuses unknown words', () => {
    const root = path.join(folder, 'repository');
    for (const name of ['e2e', 'unit']) {
      mkdirSync(path.join(root, 'test', name), { recursive: true });
      writeFileSync(path.join(root, 'test', name, 'a.test.ts'), '');
    }
    const names = (wanted: string[]) => planRun(root, wanted).map((part) => part.name);
    assert.deepEqual(names(['e2e', 'unit']), ['unit', 'e2e']);
    assert.deepEqual(names(['test/unit/a.test.ts']), ['files']);
    assert.ok(names([]).includes('tidy') && names([]).at(-1) === 'e2e');
    assert.throws(() => names(['unti']), /neither/);
    assert.throws(() => names(['test/unit/absent.test.ts']), /neither/);
  });

  test('the last line says how many passed, failed and were skipped', () => {
    const failure = { file: 'a', name: 'b' };
    assert.equal(countsLine({ passed: 3, skipped: 0, failures: [] }), '3 passed, 0 failed');
    assert.equal(
      countsLine({ passed: 3, skipped: 2, failures: [failure] }),
      '3 passed, 1 failed, 2 skipped',
    );
  });
});
