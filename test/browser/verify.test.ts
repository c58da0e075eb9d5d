/**
 * The bundled verifier in a real browser: the same vectors, the same verdicts and reasons as in
 * Node, and the page of docs/verify-in-browser.md with files dropped on it. Without a Chromium this
 * is one visible line; with REQUIRE_CHROMIUM=1 it is a failure.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { transform } from 'esbuild';
import { bundleVerifier } from '../../scripts/bundle-verifier.ts';
import { toHex } from '../../src/base/bytes.ts';
import { verifyChain } from '../../src/verify.ts';
import type { Answer, VectorFile } from '../support/certificate/vector-file.ts';
import { makeChain } from '../support/chain-factory.ts';
import { findChromium, openPage } from '../support/chromium.ts';
import { DROP_PAGE, VECTORS_PAGE } from '../support/verifier-pages.ts';

const MODULE_BYTES_MAX = 230_000;
const PATIENCE_MS = 50_000;

const vectorFile = new URL('../vectors/certificate.json', import.meta.url);
const readerFile = new URL('../support/certificate/vector-file.ts', import.meta.url);
const vectors: VectorFile = JSON.parse(readFileSync(vectorFile, 'utf8'));

const chromium = findChromium();
const isRequired = process.env.REQUIRE_CHROMIUM === '1';
const advice = 'apt-get install chromium, or set KADRE_CHROMIUM to its path';
const skip = chromium === undefined && !isRequired ? `no Chromium found: ${advice}` : false;

const bundle = await bundleVerifier();

test('the bundle is one module without imports, and small', () => {
  assert.deepEqual(bundle.imports, []);
  assert.doesNotMatch(bundle.module, /\bimport\s*[({'"]|\bfrom\s*['"]|\brequire\(/);
  assert.ok(bundle.module.length <= MODULE_BYTES_MAX, `${bundle.module.length} bytes`);
});

test('the bundle judges a chain of rounds as the sources do, and every spoilt byte', async () => {
  const url = `data:text/javascript;base64,${Buffer.from(bundle.module).toString('base64')}`;
  const bundled = (await import(url)) as typeof import('../../src/verify.ts');
  const { encoded, states } = chain;
  const asked = { state: states.at(-1)!, training: toHex(chain.training.id) };
  const verdict = bundled.verifyChain(encoded, asked);
  assert.ok(verdict.valid);
  assert.deepEqual(verdict, verifyChain(encoded, asked));
  assert.ok(bundled.isChain(encoded) && !bundled.isChain(plainOf(vectors.good[0]!)));
  for (let at = 0; at < encoded.length; at += 97) {
    const spoilt = encoded.slice();
    spoilt[at]! ^= 1;
    const refused = bundled.verifyChain(spoilt, asked);
    assert.equal(refused.valid, false, `byte ${at}`);
    assert.deepEqual(refused, verifyChain(spoilt, asked));
  }
});

const plainOf = (entry: object): Buffer =>
  Buffer.from((entry as { base64: string }).base64, 'base64');

const chain = makeChain({ count: 3 });
const goneWrong = vectors.bad.find(({ name }) => name === 'a digest exchanged')!;
const reader = await transform(readFileSync(readerFile, 'utf8'), { loader: 'ts' });
const FILES: Readonly<Record<string, readonly [type: string, content: string | Uint8Array]>> = {
  '/vectors.html': ['text/html', VECTORS_PAGE],
  '/drop.html': ['text/html', DROP_PAGE],
  '/verify.html': ['text/html', bundle.page],
  '/kadre-verify.js': ['text/javascript', bundle.module],
  '/vector-file.js': ['text/javascript', reader.code],
  '/certificate.json': ['application/json', readFileSync(vectorFile)],
  '/good.kadre': ['application/octet-stream', plainOf(vectors.good[0]!)],
  '/bad.kadre': ['application/octet-stream', plainOf(goneWrong)],
  '/chain.kadre': ['application/octet-stream', chain.encoded],
};

let report = Promise.withResolvers<unknown>();
const server = createServer((request, response) => {
  const [type, content] = FILES[request.url ?? ''] ?? [];
  if (request.url === '/report') {
    const pieces: Uint8Array[] = [];
    request.on('data', (piece: Uint8Array) => pieces.push(piece));
    request.on('end', () => {
      response.end();
      report.resolve(JSON.parse(Buffer.concat(pieces).toString('utf8')));
    });
  } else if (content === undefined) response.writeHead(404).end();
  else response.writeHead(200, { 'content-type': `${type}; charset=utf-8` }).end(content);
});
before(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
after(() => server.close());

/** What the page posts; a page that says nothing in time is a failure. */
async function reportOf(page: string): Promise<unknown> {
  const asked = Promise.withResolvers<unknown>();
  report = asked;
  const { port } = server.address() as AddressInfo;
  assert.ok(chromium !== undefined, `no Chromium found: ${advice}`);
  await using opened = await openPage(chromium, `http://127.0.0.1:${port}/${page}`);
  const late = AbortSignal.timeout(PATIENCE_MS);
  late.addEventListener('abort', () => asked.reject(new Error(`${page} reported nothing`)));
  const ended = opened.ended.then((text) => Promise.reject(new Error(`it ended: ${text}`)));
  const value = await Promise.race([asked.promise, ended]);
  assert.equal((value as { failure?: string }).failure, undefined);
  return value;
}

test('in a browser', { skip }, async (t) => {
  await t.test('every verdict and reason is the one that Node gives', sameAnswers);
  await t.test('the page judges a dropped file and a chosen one', judgesFiles);
  await t.test('the page works from a disk, without a server', worksFromDisk);
});

async function sameAnswers(t: TestContext): Promise<void> {
  const { answers, agent } = (await reportOf('vectors.html')) as {
    answers: Answer[];
    agent: string;
  };
  assert.match(agent, /Chrome/);
  const { good, bad, asked } = vectors;
  assert.equal(answers.length, good.length + bad.length + asked.length);
  for (const { name, expected, found } of answers) assert.deepEqual(found, expected, name);
  t.diagnostic(`${answers.length} answers from ${agent}`);
}

async function judgesFiles(): Promise<void> {
  const [good, bad, rounds] = (await reportOf('drop.html')) as { state: string; text: string }[];
  assert.deepEqual(
    [good?.state, good?.text],
    [
      'valid',
      'Valid and self-consistent: noop@1, 2 shards, 1 of 1 cadre members signed, receipts checked',
    ],
  );
  const trained = 'Valid and self-consistent: 3 of 3 rounds of a model, updates of 3 clients';
  assert.deepEqual([rounds?.state, rounds?.text], ['valid', trained]);
  assert.deepEqual([bad?.state, bad?.text], ['invalid', `Not valid: ${goneWrong.reason}`]);
}

async function worksFromDisk(): Promise<void> {
  assert.ok(chromium !== undefined, `no Chromium found: ${advice}`);
  const folder = await mkdtemp(path.join(tmpdir(), 'kadre-page-'));
  try {
    const file = path.join(folder, 'verify.html');
    await writeFile(file, bundle.page);
    await using page = await openPage(chromium, pathToFileURL(file).href, [
      '--dump-dom',
      '--virtual-time-budget=10000',
    ]);
    assert.match(await page.ended, /<output data-state="ready">Ready<\/output>/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
