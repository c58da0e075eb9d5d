/**
 * Every bad input that a user can type or hand over, through the binary: its code, its exit status,
 * nothing sent and nothing left behind (contract.md, exit 2 and 3; issue "Shown by").
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { schemaOf, schemaProblems } from '../support/json-schema.ts';
import { saveMatrix, wholeMatrix } from '../support/npy-files.ts';
import { codeOf, Workplace } from '../support/workplace.ts';

const place = new Workplace();
const PEER = '12D3KooWQovQDZ9tomsmMoebyj7iXEo5P2ym8YrTvJmGHZ7qxQ6c';
let dials = 0;
const door = createServer((socket) => {
  dials += 1;
  socket.destroy();
});
/** A bootstrap that counts who knocks, and never answers as a node would. */
let where: readonly string[];

before(async () => {
  door.listen(0, '127.0.0.1');
  await once(door, 'listening');
  const { port } = door.address() as AddressInfo;
  where = ['--bootstrap', `/ip4/127.0.0.1/tcp/${port}/p2p/${PEER}`];
  const good = wholeMatrix(4, 4, 3);
  await saveMatrix(place.path('a.npy'), good);
  await saveMatrix(place.path('wide.npy'), wholeMatrix(3, 5, 3));
  const header = (text: string, data = 64) => npyOf(text.padEnd(117), Buffer.alloc(data));
  const plain = "'fortran_order': False, 'shape': (4, 4), }";
  const files: Record<string, Buffer> = {
    'empty.npy': Buffer.alloc(0),
    'text.npy': Buffer.from('1 2 3 4\n'),
    'cut.npy': header(`{'descr': '<f4', ${plain}`, 60),
    'trailing.npy': header(`{'descr': '<f4', ${plain}`, 65),
    'version.npy': npyOf(`{'descr': '<f4', ${plain}`.padEnd(117), Buffer.alloc(64), 9),
    'object.npy': header(`{'descr': '|O', ${plain}`),
    'structured.npy': header(`{'descr': [('x', '<f4')], ${plain}`),
    'big-endian.npy': header(`{'descr': '>f4', ${plain}`),
    'half.npy': header(`{'descr': '<f2', ${plain}`, 32),
    'double.npy': header(`{'descr': '<f8', ${plain}`, 128),
    'fortran.npy': header("{'descr': '<f4', 'fortran_order': True, 'shape': (4, 4), }"),
    'vector.npy': header("{'descr': '<f4', 'fortran_order': False, 'shape': (16,), }"),
    'huge.npy': header("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 9), }"),
    'no-dictionary.npy': header('import os'),
  };
  for (const [name, content] of Object.entries(files)) await writeFile(place.path(name), content);
});
after(() => door.close());

/** A `.npy` file with this header text, good or not. */
function npyOf(text: string, data: Buffer, major = 1): Buffer {
  const head = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, major, 0, text.length + 1, 0]);
  return Buffer.concat([head, Buffer.from(`${text}\n`, 'latin1'), data]);
}

const gemm = (a: string, b = 'a.npy', ...rest: string[]) => {
  return ['run', 'gemm.f32@1', '--in', `a=${a}`, '--in', `b=${b}`, ...rest];
};
const noop = (...rest: string[]) => ['run', 'noop@1', ...rest];

/** Command lines by the code that refuses them; all are exit 2. */
const REFUSED: Readonly<Record<string, readonly (readonly string[])[]>> = {
  MALFORMED_FILE: [
    ...['empty', 'text', 'cut', 'trailing', 'version', 'object', 'structured', 'big-endian'],
    ...['half', 'fortran', 'huge', 'no-dictionary', 'missing'],
  ].map((name) => gemm(`${name}.npy`)),
  BAD_INPUT: [
    gemm('double.npy'),
    gemm('vector.npy'),
    gemm('a.npy', 'wide.npy'),
    ['run', 'gemm.f32@1', '--in', 'a=a.npy'],
    gemm('a.npy', 'a.npy', '--in', 'x=a.npy'),
    noop('--in', 'a=a.npy'),
  ],
  UNKNOWN_KERNEL: [
    ['run', 'gem.f32@1'],
    ['run', 'gemm.f32@2'],
    ['run', 'gemm.f32'],
    ['run', ''],
  ],
  BAD_PARAMETER: [
    noop('--param', 'itms=5'),
    noop('--param', 'items=0'),
    noop('--param', 'items=many'),
    noop('--param', 'items=1.5'),
  ],
  BAD_SHARD_COUNT: [
    noop('--shards', '0'),
    noop('--shards', '-1'),
    noop('--shards', '1000000000'),
    gemm('a.npy', 'a.npy', '--shards', '17'),
  ],
  BAD_POLICY: [
    noop('--replicas', '0'),
    noop('--replicas', '2', '--quorum', '3'),
    noop('--cadre', '101'),
  ],
  USAGE: [
    noop('--shards', 'many'),
    noop('--shard', '4'),
    noop('--out', 'result=out.npy'),
    noop('--out', 'out=nowhere/out.npy'),
    noop('--cert', 'same.npy', '--out', 'out=same.npy'),
    noop('--api', 'http://127.0.0.1:1'),
    noop('--deadline', '-1'),
    ['run'],
    ['rum', 'noop@1'],
  ],
};

for (const [code, lines] of Object.entries(REFUSED)) {
  test(`${code}: exit 2, nobody dialled, nothing written`, async () => {
    const before_ = await readdir(place.folder);
    for (const words of lines) {
      const { status, object } = await place.json([...words, ...where]);
      const line = words.join(' ');
      assert.deepEqual([line, status, codeOf(object)], [line, 2, code], JSON.stringify(object));
      assert.deepEqual(schemaProblems(schemaOf('error'), object), []);
    }
    assert.equal(dials, 0);
    assert.deepEqual(await readdir(place.folder), before_);
  });
}

test('bootstraps that never answer are exit 3 once the wait for peers is over', async () => {
  const before_ = await readdir(place.folder);
  const words = noop('--out', 'out=never.npy', '--wait-peers', '0.5');
  const { status, object } = await place.json([...words, ...where]);
  assert.deepEqual([status, codeOf(object)], [3, 'NOT_ENOUGH_PEERS']);
  assert.ok(dials > 0, 'the door counts');
  assert.deepEqual(await readdir(place.folder), before_);
});

test('what is unknown is answered with the nearest name', async () => {
  const advice = async (words: readonly string[]) => {
    const { object } = await place.json(words);
    return (object.error as { advice: string }).advice;
  };
  assert.match(await advice(['run', 'gem.f32@1']), /gemm\.f32@1/);
  assert.match(await advice(noop('--shard', '4')), /--shards/);
  assert.match(await advice(['rum', 'noop@1']), /run/);
});
