import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { toHex } from '../../src/base/bytes.ts';
import { verify } from '../../src/verify.ts';
import { badVectors, goodVectors } from '../support/certificate-vectors.ts';

interface Vectors {
  good: { name: string; verdict: object; base64: string }[];
  bad: { name: string; reason: string; base64: string }[];
}

const file = new URL('certificate.json', import.meta.url);
const vectors: Vectors = JSON.parse(readFileSync(file, 'utf8'));
const bytesOf = (vector: { base64: string }) =>
  Uint8Array.from(Buffer.from(vector.base64, 'base64'));

test('good certificates get the verdict that is written down', async () => {
  assert.ok(vectors.good.length >= 9);
  for (const vector of vectors.good) {
    assert.deepEqual(await verify(bytesOf(vector)), vector.verdict, vector.name);
  }
});

test('bad certificates are refused, each for its own reason', async () => {
  assert.ok(new Set(vectors.bad.map(({ reason }) => reason)).size >= 50);
  for (const vector of vectors.bad) {
    const verdict = await verify(bytesOf(vector));
    assert.equal(verdict.valid, false, vector.name);
    assert.equal(!verdict.valid && verdict.reason, vector.reason, vector.name);
  }
});

test('the recipes still make the very bytes that are written down', () => {
  const made = [
    ...goodVectors().map(({ name, made: { bytes } }) => ({ name, bytes })),
    ...badVectors().map(({ name, bytes }) => ({ name, bytes })),
  ];
  const written = [...vectors.good, ...vectors.bad];
  assert.deepEqual(
    made.map(({ name, bytes }) => [name, toHex(bytes)]),
    written.map((vector) => [vector.name, toHex(bytesOf(vector))]),
  );
});

/** As in a browser: no native hash, no native signature check. */
const PORTABLE = `
process.getBuiltinModule = undefined;
const { verify } = await import(process.argv[1]);
const { readFileSync } = await import('node:fs');
const { good, bad } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const verdicts = [];
for (const { base64 } of [...good, ...bad]) {
  verdicts.push(await verify(Uint8Array.from(Buffer.from(base64, 'base64'))));
}
process.stdout.write(JSON.stringify(verdicts));
`;

test('verdicts are the same without any native crypto', async () => {
  const verifier = new URL('../../src/verify.ts', import.meta.url).href;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '-e', PORTABLE, verifier, file.pathname],
    { maxBuffer: 1 << 24 },
  );
  const verdicts = JSON.parse(stdout);
  const { length } = vectors.good;
  assert.deepEqual(
    verdicts.slice(0, length),
    vectors.good.map(({ verdict }) => verdict),
  );
  assert.deepEqual(
    verdicts.slice(length).map(({ reason }: { reason?: string }) => reason),
    vectors.bad.map(({ reason }) => reason),
  );
});
