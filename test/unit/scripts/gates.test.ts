/**
 * Every gate has failed once: each static check is given a planted violation here, in a small
 * project of its own with this repository's configuration.
 */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { type Lock, missingEntries } from '../../../scripts/lock.ts';
import { runChild } from '../../../scripts/test/child.ts';
import { CHECKS } from '../../../scripts/test/parts.ts';

const ROOT = path.resolve(import.meta.dirname, '..', '..', '..');
const project = mkdtempSync(path.join(os.tmpdir(), 'kadre-gates-'));
after(() => rmSync(project, { recursive: true, force: true }));

for (const name of ['package.json', 'tsconfig.json', 'biome.json', '.oxlintrc.json']) {
  cpSync(path.join(ROOT, name), path.join(project, name));
}
symlinkSync(path.join(ROOT, 'node_modules'), path.join(project, 'node_modules'));
for (const name of ['src', 'node', 'scripts', 'test', '.git']) mkdirSync(path.join(project, name));

/** Runs one of the checks on a project that consists of one file. */
async function runOn(name: string, text: string): Promise<{ end: string; output: string }> {
  writeFileSync(path.join(project, 'src', 'planted.ts'), text);
  const check = CHECKS.find((one) => one.name === name);
  assert.ok(check !== undefined);
  const command = path.join(ROOT, 'node_modules', '.bin', check.command);
  // The copies are no git repository; only that part of the configuration is set aside.
  const extra = name === 'format' ? ['--vcs-enabled=false'] : [];
  const args = [...check.args, ...extra];
  return runChild(command, args, { cwd: project, timeoutMs: 50_000 });
}

const GOOD = 'export const answer: Promise<number> = Promise.resolve(42);\n';

describe('gates', () => {
  test('format: a good file passes, bad format and bad lint do not', async () => {
    assert.equal((await runOn('format', GOOD.replaceAll('"', "'"))).end, 'status 0');
    assert.notEqual((await runOn('format', "export const a = 'x' ;\n")).end, 'status 0');
    assert.notEqual((await runOn('format', 'export const a: any = 1;\n')).end, 'status 0');
  });

  test('types: a good file passes; wrong types and enums do not', async () => {
    assert.equal((await runOn('types', GOOD)).end, 'status 0');
    assert.notEqual((await runOn('types', "export const a: number = 'x';\n")).end, 'status 0');
    assert.notEqual((await runOn('types', 'export enum A { B }\n')).end, 'status 0');
  });

  test('promises: a good file passes; floating and misused ones do not', async () => {
    assert.equal((await runOn('promises', GOOD)).end, 'status 0');
    const planted = {
      'no-floating-promises': 'const f = async () => {};\nf();\n',
      'no-misused-promises': '[1].forEach(async () => {});\n',
      'await-thenable': 'export const f = async () => await 1;\n',
    };
    for (const [rule, text] of Object.entries(planted)) {
      const { end, output } = await runOn('promises', text);
      assert.notEqual(end, 'status 0', rule);
      assert.match(output, new RegExp(rule));
    }
  });

  test('lock: a platform package without an entry is noticed and can be completed', () => {
    const lock: Lock = {
      packages: {
        'node_modules/a': {
          version: '1.0.0',
          dev: true,
          optionalDependencies: { '@a/linux-x64-gnu': '1.0.0', '@a/darwin-arm64': '^1.0.0' },
        },
        'node_modules/@a/linux-x64-gnu': { version: '1.0.0' },
      },
    };
    assert.deepEqual(
      [...missingEntries(lock)],
      [
        [
          'node_modules/@a/darwin-arm64',
          { version: '1.0.0', cpu: ['arm64'], os: ['darwin'], dev: true, optional: true },
        ],
      ],
    );
  });
});
