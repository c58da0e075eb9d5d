/**
 * Writes test/vectors/certificate.json: whole certificate files, good ones with the verdict they
 * get, bad ones with the reason they are refused for (docs/protocol/certificate.md).
 * Run: node scripts/vectors/certificate.ts
 */
import { writeFileSync } from 'node:fs';
import { verify } from '../../src/verify.ts';
import { badVectors, goodVectors } from '../../test/support/certificate-vectors.ts';

const good = [];
for (const { name, made } of goodVectors()) {
  const verdict = await verify(made.bytes);
  if (!verdict.valid) throw new Error(`${name}: refused, ${verdict.reason}`);
  good.push({ name, verdict, base64: Buffer.from(made.bytes).toString('base64') });
}

const bad = [];
for (const { name, reason, bytes } of badVectors()) {
  const verdict = await verify(bytes);
  if (verdict.valid || verdict.reason !== reason) {
    throw new Error(`${name}: ${verdict.valid ? 'accepted' : verdict.reason}, not ${reason}`);
  }
  bad.push({ name, reason, base64: Buffer.from(bytes).toString('base64') });
}

const file = new URL('../../test/vectors/certificate.json', import.meta.url);
writeFileSync(file, `${JSON.stringify({ good, bad }, null, 1)}\n`);
