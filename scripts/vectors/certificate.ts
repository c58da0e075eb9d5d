/**
 * Writes test/vectors/certificate.json: whole certificate files, good ones with the verdict they
 * get, bad ones with the reason they are refused for, and questions about good ones with their
 * answers (docs/protocol/certificate.md).
 * Run: node scripts/vectors/certificate.ts
 */
import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { type CheckedArray, verify } from '../../src/verify.ts';
import { askedVectors, badVectors, goodVectors } from '../../test/support/certificate-vectors.ts';

/** Beyond this a file is all repetition, and is written compressed. */
const PLAIN_BYTES_MAX = 65_536;

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

const contentOf = (bytes: Uint8Array) =>
  bytes.length > PLAIN_BYTES_MAX ? { gzip: base64(gzipSync(bytes)) } : { base64: base64(bytes) };

function arraysOf(arrays: Readonly<Record<string, CheckedArray>>) {
  const entries = Object.entries(arrays).map(([name, { data, ...array }]) => [
    name,
    { ...array, base64: base64(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)) },
  ]);
  return Object.fromEntries(entries);
}

const certificates = new Map<string, Uint8Array>();
const good = [];
for (const { name, made } of goodVectors()) {
  const verdict = await verify(made.bytes);
  if (!verdict.valid) throw new Error(`${name}: refused, ${verdict.reason}`);
  certificates.set(name, made.bytes);
  good.push({ name, verdict, ...contentOf(made.bytes) });
}

const bad = [];
for (const { name, reason, bytes } of badVectors()) {
  const verdict = await verify(bytes);
  if (verdict.valid || verdict.reason !== reason) {
    throw new Error(`${name}: ${verdict.valid ? 'accepted' : verdict.reason}, not ${reason}`);
  }
  bad.push({ name, reason, ...contentOf(bytes) });
}

const asked = [];
for (const { name, of, options, expected } of askedVectors()) {
  const verdict = await verify(certificates.get(of)!, options);
  const [found, wanted] = verdict.valid
    ? [verdict.anchor, 'anchor' in expected ? expected.anchor : expected.reason]
    : [verdict.reason, 'reason' in expected ? expected.reason : expected.anchor];
  if (found !== wanted) throw new Error(`${of}: ${name}: ${found}, not ${wanted}`);
  const { inputs = {}, outputs = {}, ...rest } = options;
  const written = { ...rest, inputs: arraysOf(inputs), outputs: arraysOf(outputs) };
  asked.push({ name, of, options: written, expected });
}

const file = new URL('../../test/vectors/certificate.json', import.meta.url);
writeFileSync(file, `${JSON.stringify({ good, bad, asked }, null, 1)}\n`);
