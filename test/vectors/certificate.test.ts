import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { toHex } from '../../src/base/bytes.ts';
import { verify } from '../../src/verify.ts';
import {
  type Answer,
  answersOf,
  contentOf,
  type VectorFile,
} from '../support/certificate/vector-file.ts';
import { askedVectors, badVectors, goodVectors } from '../support/certificate-vectors.ts';

const url = new URL('certificate.json', import.meta.url);
const vectors: VectorFile = JSON.parse(readFileSync(url, 'utf8'));

function assertAllRight(answers: readonly Answer[]): void {
  const { good, bad, asked } = vectors;
  assert.equal(answers.length, good.length + bad.length + asked.length);
  for (const { name, expected, found } of answers) assert.deepEqual(found, expected, name);
}

test('every certificate and every question gets the answer that is written down', async () => {
  assert.ok(vectors.good.length >= 9 && vectors.bad.length >= 90);
  assertAllRight(await answersOf(vectors, verify));
});

test('every reason on the page is the answer to some vector', () => {
  const page = readFileSync(new URL('../../docs/protocol/certificate.md', import.meta.url), 'utf8');
  const section = page.slice(page.indexOf('## 7. Refusals'));
  const onPage = [...section.matchAll(/`([A-Z_]+)`/g)].map(([, reason]) => reason!);
  const answered = new Set([
    ...vectors.bad.map(({ reason }) => reason),
    ...vectors.asked.map(({ expected }) => expected.reason),
  ]);
  answered.delete(undefined);
  assert.deepEqual([...answered].sort(), onPage.toSorted());
});

test('the recipes still make the very bytes that are written down', async () => {
  const made = [
    ...goodVectors().map(({ name, made: { bytes } }) => ({ name, bytes })),
    ...badVectors().map(({ name, bytes }) => ({ name, bytes })),
  ];
  const written = [...vectors.good, ...vectors.bad];
  assert.deepEqual(
    made.map(({ name }) => name),
    written.map(({ name }) => name),
  );
  for (const [i, { name, bytes }] of made.entries()) {
    const content = await contentOf(written[i]!);
    assert.ok(Buffer.compare(bytes, content) === 0, `${name}: ${toHex(content.slice(0, 1000))}`);
  }
  assert.deepEqual(
    askedVectors().map(({ name, of, expected }) => ({ name, of, expected })),
    vectors.asked.map(({ name, of, expected }) => ({ name, of, expected })),
  );
});

/** As in a browser: no native hash, no native signature check. */
const PORTABLE = `
process.getBuiltinModule = undefined;
const { verify } = await import(process.argv[1]);
const { answersOf } = await import(process.argv[2]);
const { readFileSync } = await import('node:fs');
const vectors = JSON.parse(readFileSync(process.argv[3], 'utf8'));
process.stdout.write(JSON.stringify(await answersOf(vectors, verify)));
`;

test('verdicts are the same without any native crypto', async () => {
  const modules = ['../../src/verify.ts', '../support/certificate/vector-file.ts'];
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      PORTABLE,
      ...modules.map((name) => new URL(name, import.meta.url).href),
      url.pathname,
    ],
    { maxBuffer: 1 << 24 },
  );
  assertAllRight(JSON.parse(stdout));
});
