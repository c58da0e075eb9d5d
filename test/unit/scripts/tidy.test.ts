import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FILE_LINES_MAX, FUNCTION_LINES_MAX } from '../../../scripts/tidy/shape.ts';
import { tidy } from '../../../scripts/tidy.ts';

const HEADER = '/** Decides one thing, as docs/protocol/example.md defines it. */\n';

/** Rules that a set of files breaks, sorted, as `path rule`. */
function broken(files: Readonly<Record<string, string>>): string[] {
  const contents = new Map(
    Object.entries(files).map(([name, text]) => [
      name,
      /^(?:src|node|scripts)\//.test(name) && !text.startsWith('//') ? HEADER + text : text,
    ]),
  );
  return tidy(contents)
    .map((finding) => `${finding.path} ${finding.rule}`)
    .sort();
}

function refuses(files: Readonly<Record<string, string>>, ...expected: string[]): void {
  assert.deepEqual(broken(files), expected);
}

function accepts(files: Readonly<Record<string, string>>): void {
  assert.deepEqual(broken(files), []);
}

describe('layout', () => {
  test('a folder imports from itself and from folders above it', () => {
    accepts({
      'src/job/spec.ts': "import { a } from '../wire/cbor.ts';\nimport { b } from './ids.ts';\n",
    });
  });

  test('a folder must not import from one below it, types included', () => {
    refuses({ 'src/wire/a.ts': "import { b } from '../job/b.ts';\n" }, 'src/wire/a.ts layout');
    refuses({ 'src/wire/a.ts': "import type { B } from '../job/b.ts';\n" }, 'src/wire/a.ts layout');
    refuses({ 'src/wire/a.ts': "export * from '../job/b.ts';\n" }, 'src/wire/a.ts layout');
    refuses(
      { 'src/wire/a.ts': "export const b = () => import('../job/b.ts');\n" },
      'src/wire/a.ts layout',
    );
    refuses(
      { 'src/wire/a.ts': "export type B = import('../job/b.ts').B;\n" },
      'src/wire/a.ts layout',
    );
  });

  test('an unknown folder or a stray file in src is refused', () => {
    refuses({ 'src/extra/a.ts': "import { b } from '../base/b.ts';\n" }, 'src/extra/a.ts layout');
    refuses({ 'src/job/a.ts': "import { b } from '../extra/b.ts';\n" }, 'src/job/a.ts layout');
    refuses({ 'src/stray.ts': "import { b } from './base/b.ts';\n" }, 'src/stray.ts layout');
  });

  test('surfaces import any folder and are imported by none', () => {
    accepts({ 'src/index.ts': "export { b } from './sdk/b.ts';\n" });
    refuses({ 'src/sdk/a.ts': "import { b } from '../index.ts';\n" }, 'src/sdk/a.ts layout');
  });

  test('src knows neither the binary nor scripts nor tests', () => {
    refuses({ 'src/sdk/a.ts': "import { b } from '../../node/b.ts';\n" }, 'src/sdk/a.ts layout');
    refuses({ 'node/a.ts': "import { b } from '../test/b.ts';\n" }, 'node/a.ts layout');
    accepts({ 'test/unit/a.test.ts': "import { b } from '../../scripts/b.ts';\n" });
  });

  test('scripts do not know tests, but writers of golden bytes share their factories', () => {
    const layout = 'scripts/vectors/a.ts layout';
    accepts({ 'scripts/vectors/a.ts': "import { b } from '../../test/support/b.ts';\n" });
    refuses({ 'scripts/vectors/a.ts': "import { b } from '../../test/unit/b.ts';\n" }, layout);
    refuses(
      { 'scripts/a.ts': "import { b } from '../test/support/b.ts';\n" },
      'scripts/a.ts layout',
    );
  });

  test('roles reach the network only through ports', () => {
    refuses({ 'src/roles/a.ts': "import { b } from '../net/b.ts';\n" }, 'src/roles/a.ts layout');
    refuses({ 'src/roles/a.ts': "import fs from 'node:fs';\n" }, 'src/roles/a.ts layout');
  });

  test('a package belongs to its one folder', () => {
    for (const name of ['libp2p', '@libp2p/tcp', '@chainsafe/libp2p-noise', 'it-pipe']) {
      refuses({ 'src/roles/a.ts': `import '${name}';\n` }, 'src/roles/a.ts layout');
      refuses({ 'node/a.ts': `import '${name}';\n` }, 'node/a.ts layout');
      accepts({ 'src/net/a.ts': `import '${name}';\n` });
    }
    for (const name of ['node:crypto', '@noble/curves/ed25519.js', '@noble/hashes/sha2.js']) {
      refuses({ 'src/compute/a.ts': `import '${name}';\n` }, 'src/compute/a.ts layout');
      refuses({ 'src/net/a.ts': `import '${name}';\n` }, 'src/net/a.ts layout');
      accepts({ 'src/crypto/node/a.ts': `import '${name}';\n` });
    }
    refuses({ 'src/job/a.ts': "import '@ipld/dag-cbor';\n" }, 'src/job/a.ts layout');
  });

  test('portable folders import no node module, and relative imports carry extensions', () => {
    refuses({ 'src/job/a.ts': "import fs from 'node:fs';\n" }, 'src/job/a.ts layout');
    refuses(
      { 'src/crypto/portable/a.ts': "import fs from 'node:fs';\n" },
      'src/crypto/portable/a.ts layout',
    );
    refuses({ 'src/job/a.ts': "import { b } from './b';\n" }, 'src/job/a.ts layout');
  });

  test('all that verify.ts loads runs in a browser', () => {
    const verify = "export { a } from './certificate/verify.ts';\n";
    refuses(
      {
        'src/verify.ts': verify,
        'src/certificate/verify.ts': "export { a } from '../compute/deep.ts';\n",
        'src/compute/deep.ts': "import fs from 'node:fs';\nexport const a = fs;\n",
      },
      'src/certificate/verify.ts layout',
      'src/compute/deep.ts browser',
    );
    refuses({ 'src/verify.ts': "import 'left-pad';\n" }, 'src/verify.ts browser');
    accepts({
      'src/verify.ts': verify,
      'src/certificate/verify.ts': "export { a } from '../base/a.ts';\n",
      'src/base/a.ts': "export { base58btc as a } from 'multiformats/bases/base58';\n",
      'src/compute/other.ts': "import fs from 'node:fs';\nexport const a = fs;\n",
    });
  });
});

describe('purity', () => {
  test('time and chance come by ports', () => {
    for (const use of ['Math.random()', 'Date.now()', 'new Date()', 'performance.now()']) {
      refuses({ 'src/job/a.ts': `export const a = () => ${use};\n` }, 'src/job/a.ts clock');
      accepts({ 'src/sim/a.ts': `export const a = () => ${use};\n` });
      accepts({ 'src/crypto/node/system-ports.ts': `export const a = () => ${use};\n` });
    }
  });

  test('the consensus core has no promise, timer or global in it', () => {
    for (const use of [
      'async () => 1',
      '() => Promise.resolve(1)',
      '() => setTimeout(f, 1)',
      '() => process.pid',
      '() => globalThis.x',
      '() => queueMicrotask(f)',
    ]) {
      const found = broken({ 'src/consensus/replica.ts': `export const a = ${use};\n` });
      assert.ok(found.includes('src/consensus/replica.ts pure'), use);
    }
    refuses(
      { 'src/consensus/replica.ts': "import { a } from 'node:events';\n" },
      'src/consensus/replica.ts pure',
    );
  });

  test('driver, recovery and sync may be impure; property and type names are no use', () => {
    for (const name of ['driver', 'recovery', 'sync-client']) {
      accepts({
        [`src/consensus/${name}.ts`]: 'export const a = async () => Promise.resolve(1);\n',
      });
    }
    accepts({
      'src/consensus/types.ts':
        'export interface A { process: Promise<number>; }\nexport const f = (a: A) => a.process;\n',
    });
  });

  test('only the binary exits', () => {
    refuses({ 'src/sdk/a.ts': 'process.exit(1);\n' }, 'src/sdk/a.ts exit');
    refuses({ 'node/lab/a.ts': 'process.exit(1);\n' }, 'node/lab/a.ts exit');
    accepts({ 'node/main.ts': 'process.exit(1);\n' });
  });
});

describe('shape', () => {
  test('files, functions, lines and parameter lists have a size', () => {
    const line = 'export const a = 1;\n';
    accepts({ 'src/job/a.ts': line.repeat(FILE_LINES_MAX - 1) });
    refuses({ 'src/job/a.ts': line.repeat(FILE_LINES_MAX) }, 'src/job/a.ts size');
    const body = (lines: number) => `export function f() {\n${'  g();\n'.repeat(lines - 2)}}\n`;
    accepts({ 'src/job/a.ts': body(FUNCTION_LINES_MAX) });
    refuses({ 'src/job/a.ts': body(FUNCTION_LINES_MAX + 1) }, 'src/job/a.ts size');
    refuses({ 'src/job/a.ts': `f(${'a, '.repeat(40)});\n` }, 'src/job/a.ts size');
    accepts({ 'src/job/a.ts': `f('${'a long text '.repeat(9)}');\n` });
    accepts({ 'src/job/a.ts': 'export function f(a, b, c, d) {}\n' });
    refuses({ 'src/job/a.ts': 'export function f(a, b, c, d, e) {}\n' }, 'src/job/a.ts size');
    refuses({ 'src/job/a.ts': 'class A { f(a, b, c, d, e) {} }\n' }, 'src/job/a.ts size');
  });

  test('a suite of tests may be long, a test may not', () => {
    const long = '  g();\n'.repeat(FUNCTION_LINES_MAX);
    const inner = "test('b', f);\n";
    accepts({ 'test/unit/a.test.ts': `describe('a', () => {\n${inner}${long}});\n` });
    refuses({ 'src/job/a.ts': `test('a', () => {\n${inner}${long}});\n` }, 'src/job/a.ts size');
    refuses(
      { 'test/unit/a.test.ts': `test('a', () => {\n${long}});\n` },
      'test/unit/a.test.ts size',
    );
  });

  test('names say something, in kebab-case', () => {
    refuses({ 'src/job/jobSpec.ts': 'export const a = 1;\n' }, 'src/job/jobSpec.ts name');
    for (const name of ['utils', 'hex-utils', 'common', 'job-manager', 'test-helpers']) {
      refuses({ [`src/job/${name}.ts`]: 'export const a = 1;\n' }, `src/job/${name}.ts name`);
    }
    refuses({ 'src/job/a.ts': 'export class JobManager {}\n' }, 'src/job/a.ts name');
    accepts({ 'src/job/commons-law.ts': 'export const a = 1;\n' });
  });

  test('a source file begins by saying what it decides', () => {
    refuses({ 'src/job/a.ts': '// short\nexport const a = 1;\n' }, 'src/job/a.ts header');
    accepts({ 'src/job/a.ts': '// What this file decides and where that is defined.\n' });
    accepts({ 'src/native/a.cc': '// What this file decides and where that is defined.\n' });
  });
});

describe('words', () => {
  test('unfinished work and paths of one machine are refused, in documents too', () => {
    for (const word of [
      'TO' + 'DO',
      'FIX' + 'ME',
      'X' + 'XX',
      'HA' + 'CK',
      'not imple' + 'mented',
    ]) {
      refuses({ 'docs/a.md': `This is ${word}.\n` }, 'docs/a.md unfinished');
    }
    for (const place of ['/ho' + 'me/a', '/wo' + 'rk/a', '/tm' + 'p/a', '/ro' + 'ot/a']) {
      refuses({ 'README.md': `See ${place}.\n` }, 'README.md machine-path');
    }
    accepts({ 'README.md': 'See src/work/a and https://example.org/home/a.\n' });
  });

  test('every test runs', () => {
    for (const call of [
      "test.only('a', f)",
      "test.skip('a', f)",
      "it.todo('a')",
      "describe.skip('a', f)",
      "test('a', { skip: true }, f)",
      't.skip()',
    ]) {
      refuses({ 'test/unit/a.test.ts': `${call};\n` }, 'test/unit/a.test.ts left-out');
    }
    accepts({ 'test/gpu/a.test.ts': "test('a', { skip: 'no device' }, f);\n" });
    accepts({ 'test/unit/a.test.ts': "list.skip(3);\ntest('a', { timeout: 1000 }, f);\n" });
  });

  test('tests wait for events, never for a fixed time', () => {
    for (const use of [
      'await new Promise((resolve) => setTimeout(resolve, 10))',
      'await new Promise((resolve) => { setTimeout(resolve, 10); })',
    ]) {
      refuses({ 'test/unit/a.test.ts': `${use};\n` }, 'test/unit/a.test.ts sleep');
    }
    refuses(
      { 'test/unit/a.test.ts': "import { setTimeout } from 'node:timers/promises';\n" },
      'test/unit/a.test.ts sleep',
    );
    accepts({ 'test/unit/a.test.ts': 'const timer = setTimeout(() => fail(late), 10);\n' });
  });
});
