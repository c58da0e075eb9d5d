import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '../../..');

/** Names that an importer of the package gets, from the sources behind its exports. */
function namesOf(specifier: string): string[] {
  const program = `console.log(JSON.stringify(Object.keys(await import('${specifier}')).sort()))`;
  const args = ['--conditions=kadre-source', '--input-type=module', '-e', program];
  return JSON.parse(execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8' }));
}

test('the package gives exactly the public names', () => {
  assert.deepEqual(namesOf('kadre'), [
    'ERROR_CODES',
    'KadreError',
    'combineTree',
    'connect',
    'estimatePrice',
    'foldPartials',
    'openArrayFile',
    'runGraph',
  ]);
  assert.deepEqual(namesOf('kadre/verify'), [
    'isChain',
    'openCertificate',
    'verify',
    'verifyChain',
  ]);
  assert.deepEqual(namesOf('kadre/sim'), ['SCENARIOS', 'runSeed', 'testSwarm']);
});

test('what is published and what is tested are the same modules', () => {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const [name, target] of Object.entries<Record<string, string>>(exports)) {
    if (typeof target === 'string') continue;
    const source = target['kadre-source']!;
    assert.equal(
      target.default,
      source.replace('./src/', './dist/src/').replace(/ts$/, 'js'),
      name,
    );
    assert.equal(
      target.types,
      source.replace('./src/', './dist/src/').replace(/ts$/, 'd.ts'),
      name,
    );
  }
});
