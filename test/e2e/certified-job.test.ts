/**
 * The whole path as a user walks it: `lab run` with a liar and a node that crashes, a product from
 * files, and `verify` on what it wrote and on every way of spoiling that.
 */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { before, test } from 'node:test';
import { schemaOf, schemaProblems } from '../support/json-schema.ts';
import { loadArray, multiply, saveMatrix, wholeMatrix } from '../support/npy-files.ts';
import { codeOf, isRunning, Workplace } from '../support/workplace.ts';

const place = new Workplace();
const [a, b] = [wholeMatrix(130, 97, 5), wholeMatrix(97, 61, 7)];

interface Report {
  readonly jobId: string;
  readonly kernel: string;
  readonly shards: number;
  readonly cadre: { readonly n: number; readonly q: number; readonly members: readonly string[] };
  readonly workers: Readonly<Record<string, { readonly shards: number }>>;
  readonly disputes: readonly { readonly peer: string; readonly kind: string }[];
  readonly outputs: { readonly c: { readonly file: string; readonly digest: string } };
  readonly certificate: { readonly file: string; readonly bytes: number };
  readonly receipts: string;
  readonly lab: {
    readonly nodes: readonly { peerId: string; behaviour: string | null; pid: number }[];
  };
}

let report: Report;

before(async () => {
  await saveMatrix(place.path('a.npy'), a);
  await saveMatrix(place.path('b.npy'), b);
  const lab = ['lab', 'run', '--nodes', '7', '--byzantine', '2'];
  const behaviour = ['--behaviour', 'wrong-result,crash', '--'];
  const inputs = ['run', 'gemm.f32@1', '--in', 'a=a.npy', '--in', 'b=b.npy'];
  const outputs = ['--out', 'c=c.npy', '--cert', 'c.kadre', '--shards', '40'];
  const { status, object } = await place.json([...lab, ...behaviour, ...inputs, ...outputs]);
  assert.equal(status, 0, JSON.stringify(object));
  assert.deepEqual(schemaProblems(schemaOf('lab-run'), object), []);
  report = object as unknown as Report;
});

test('the product is right, agreed on and certified', async () => {
  const c = await loadArray(place.path('c.npy'));
  assert.deepEqual(c.shape, [130, 61]);
  assert.deepEqual(c.data, multiply(a, b).data);
  assert.equal(report.kernel, 'gemm.f32@1');
  assert.equal(report.shards, 40);
  assert.deepEqual([report.cadre.n, report.cadre.q, report.cadre.members.length], [4, 3, 4]);
  assert.equal(report.receipts, 'checked');
  assert.equal(report.certificate.bytes, (await readFile(place.path('c.kadre'))).length);
  const agreed = Object.values(report.workers).reduce((sum, { shards }) => sum + shards, 0);
  assert.ok(agreed >= 40 * 2, `a quorum of two for each of 40 shards, not ${agreed}`);
});

test('the liar is named and nobody else; the crash names no liar', () => {
  const nodeWith = (behaviour: string) =>
    report.lab.nodes.find((node) => node.behaviour === behaviour)?.peerId;
  const namedFor = (kind: string) => [
    ...new Set(report.disputes.filter((one) => one.kind === kind).map(({ peer }) => peer)),
  ];
  assert.deepEqual(namedFor('wrong-result'), [nodeWith('wrong-result')]);
  assert.ok(namedFor('withheld').every((peer) => peer === nodeWith('crash')));
  assert.deepEqual(namedFor('equivocation'), []);
  const workers = Object.keys(report.workers);
  assert.ok(!workers.includes(nodeWith('wrong-result') ?? ''));
});

test('no process of the lab outlives the command', () => {
  assert.ok(report.lab.nodes.every(({ pid }) => !isRunning(pid)));
});

test('verify holds offline, and says what it rests on', async () => {
  const files = ['--in', 'a=a.npy', '--in', 'b=b.npy', '--out', 'c=c.npy'];
  const { status, object } = await place.json(['verify', 'c.kadre', ...files]);
  assert.equal(status, 0, JSON.stringify(object));
  assert.deepEqual(schemaProblems(schemaOf('verify'), object), []);
  assert.equal(object.valid, true);
  assert.equal(object.jobId, report.jobId);
  assert.deepEqual(object.checked, { inputs: ['a', 'b'], outputs: ['c'] });
  const { n, q, signers } = object.cadre as { n: number; q: number; signers: string[] };
  assert.deepEqual([n, q], [4, 3]);
  assert.ok(signers.length >= 3 && signers.every((peer) => report.cadre.members.includes(peer)));
});

/** Writes `name` with one byte changed. */
async function spoil(from: string, name: string, at: number): Promise<string> {
  const bytes = await readFile(place.path(from));
  const index = at < 0 ? bytes.length + at : at;
  bytes[index]! ^= 0x10;
  await writeFile(place.path(name), bytes);
  return name;
}

test('a spoiled certificate is refused with exit 6, whatever byte it is', async () => {
  const { length } = await readFile(place.path('c.kadre'));
  const places = [0, 1, Math.floor(length / 3), Math.floor((2 * length) / 3), length - 1];
  for (const at of places) {
    const bad = await spoil('c.kadre', 'bad.kadre', at);
    const { status, object } = await place.json(['verify', bad]);
    assert.equal(status, 6, `byte ${at}: ${JSON.stringify(object)}`);
    assert.deepEqual([object.valid, typeof object.reason], [false, 'string']);
    assert.deepEqual(schemaProblems(schemaOf('verify'), object), []);
  }
});

test('a truncated, extended or foreign certificate is exit 6, a missing one exit 2', async () => {
  const bytes = await readFile(place.path('c.kadre'));
  const cases = {
    half: bytes.subarray(0, bytes.length / 2),
    empty: bytes.subarray(0, 0),
    longer: Buffer.concat([bytes, Buffer.of(0)]),
    garbage: Buffer.from('not a certificate'),
  };
  for (const [name, content] of Object.entries(cases)) {
    await writeFile(place.path(`${name}.kadre`), content);
    const { status, object } = await place.json(['verify', `${name}.kadre`]);
    assert.deepEqual([name, status, object.valid], [name, 6, false]);
  }
  const { status, object } = await place.json(['verify', 'nowhere.kadre']);
  assert.equal(status, 2);
  assert.equal(codeOf(object), 'CERTIFICATE_UNREADABLE');
});

test('any other output, or input, is exit 6', async () => {
  await writeFile(place.path('short.npy'), (await readFile(place.path('c.npy'))).subarray(0, -4));
  const rows = multiply(a, b);
  await saveMatrix(place.path('turned.npy'), { data: rows.data, shape: [61, 130] });
  const wrong = [
    ['--out', `c=${await spoil('c.npy', 'last.npy', -1)}`],
    ['--out', `c=${await spoil('c.npy', 'first.npy', 128)}`],
    ['--out', 'c=short.npy'],
    ['--out', 'c=turned.npy'],
    ['--in', 'a=b.npy'],
    ['--out', 'd=c.npy'],
  ];
  for (const words of wrong) {
    const { status, object } = await place.json(['verify', 'c.kadre', ...words]);
    assert.deepEqual([words[1], status, object.valid], [words[1], 6, false]);
  }
});
