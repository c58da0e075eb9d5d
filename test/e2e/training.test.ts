/**
 * Trainings over real processes: a coordinator, clients with data of their own and one of them a
 * liar, nodes that aggregate with one liar among them; a chain that verifies, replays and is
 * spoilt by any flipped byte; a coordinator that is killed and goes on.
 */
import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { before, test } from 'node:test';
import type { Lab } from '../../node/lab/lab.ts';
import { schemaOf, schemaProblems } from '../support/json-schema.ts';
import type { KadreProcess } from '../support/kadre-process.ts';
import { codeOf, type JsonObject, Workplace, within } from '../support/workplace.ts';

const place = new Workplace();
let lab: Lab;

/** Points in four quarters of a square; each client sees two of them above all. */
function rowsText(client: number, count: number): string {
  const lines: string[] = [];
  for (let i = 0; i < count; i++) {
    const [u, v] = [Math.sin(12.9 * i + 7.1 * client), Math.sin(78.2 * i + 3.3 * client)];
    const isOwn = i % 4 !== 0 && client >= 0;
    const [x, y] = [isOwn && client % 2 === 0 ? Math.abs(u) : u, v];
    lines.push(`${x.toFixed(4)},${y.toFixed(4)},${(x > 0 ? 1 : 0) + (y > 0 ? 2 : 0)}`);
  }
  return `${lines.join('\n')}\n`;
}

before(async () => {
  lab = await place.lab([...Array<null>(6).fill(null), 'wrong-result']);
  await writeFile(place.path('test.csv'), rowsText(-1, 200));
  for (let i = 0; i < 5; i++) await writeFile(place.path(`rows-${i}.csv`), rowsText(i, 80));
});

const START = ['--data', 'test.csv', '--model', 'mlp:hidden=8', '--epochs', '4', '--batch', '8'];

function start(...words: string[]): KadreProcess {
  const listen = ['--listen', '/ip4/127.0.0.1/tcp/0'];
  return place.start([
    'train',
    'start',
    '--network',
    lab.networkFile,
    ...listen,
    ...words,
    '--json',
  ]);
}

function join(id: string, client: number, ...words: string[]): KadreProcess {
  const rows = ['--data', `rows-${client}.csv`];
  return place.start([
    'train',
    'join',
    id,
    '--network',
    lab.networkFile,
    ...rows,
    ...words,
    '--json',
  ]);
}

async function idOf(process: KadreProcess): Promise<string> {
  const { id } = await within(process.firstLine, 'readiness of train start');
  return String(id);
}

function linesOf(text: string): JsonObject[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as JsonObject);
}

async function ended(process: KadreProcess, what: string) {
  const { status, stdout, stderr } = await within(process.finished, what);
  return { status, lines: stdout === '' ? [] : linesOf(stdout), stderr };
}

const eventsOf = (lines: readonly JsonObject[], event: string) =>
  lines.filter((line) => line.event === event);

test('five clients, one a liar, train a model that anyone can check', async () => {
  const words = [
    '--rounds',
    '3',
    '--clients',
    '5',
    '--faulty',
    '1',
    '--aggregator',
    'centered-clip',
  ];
  const kept = ['--keep-updates', 'kept', '--report', 'course.svg'];
  const files = ['--out', 'm.safetensors', '--chain', 'c.kadre', ...kept];
  const coordinator = start(...START, ...words, ...files);
  const id = await idOf(coordinator);
  const clients = [0, 1, 2, 3].map((i) => join(id, i));
  const liar = join(id, 4, '--attack', 'sign-flip');
  const { status, lines, stderr } = await ended(coordinator, 'the end of train start');
  assert.equal(status, 0, stderr);
  for (const line of lines) assert.deepEqual(schemaProblems(schemaOf('train-start'), line), []);
  const rounds = eventsOf(lines, 'round') as { clients: unknown[]; bytes: { up: number } }[];
  assert.deepEqual(
    rounds.map(({ clients: counted }) => counted.length),
    [5, 5, 5],
  );
  const [{ accuracy: first }, { accuracy: last }] = [lines[0]!, lines.at(-1)!] as [
    { accuracy: number },
    { accuracy: number },
  ];
  assert.ok(last > 0.75 && last > first + 0.2, `${first} to ${last}`);
  const picture = await readFile(place.path('course.svg'), 'utf8');
  assert.ok(picture.includes(id) && picture.includes(`right: ${(100 * last).toFixed(2)} %`));
  for (const client of [...clients, liar]) {
    const { status: exit, lines: seen } = await ended(client, 'the end of train join');
    assert.equal(exit, 0);
    for (const line of seen) assert.deepEqual(schemaProblems(schemaOf('train-join'), line), []);
    assert.equal(eventsOf(seen, 'sent').length, 3);
  }
  await checkFiles(id);
});

async function checkFiles(id: string): Promise<void> {
  const [state] = await readdir(place.path('data', 'trainings', id)).then((names) =>
    names.filter((name) => name.startsWith('state-')),
  );
  assert.equal(state, 'state-3.npy');
  const outs = ['--out', `state=data/trainings/${id}/${state}`, '--out', 'model=m.safetensors'];
  const verified = await place.json(['verify', 'c.kadre', ...outs]);
  assert.equal(verified.status, 0, JSON.stringify(verified.object));
  assert.deepEqual(schemaProblems(schemaOf('verify'), verified.object), []);
  assert.deepEqual([verified.object.training, verified.object.rounds], [id, 3]);
  const replayed = await place.json(['train', 'replay', 'c.kadre', '--updates', 'kept']);
  assert.deepEqual(replayed.object, { v: 1, rounds: 3, reproduced: true });

  const chain = await readFile(place.path('c.kadre'));
  for (const at of [3, 200, chain.length >> 1, chain.length - 9]) {
    const spoilt = Buffer.from(chain);
    spoilt[at]! ^= 1;
    await writeFile(place.path('spoilt.kadre'), spoilt);
    const { status } = await place.json(['verify', 'spoilt.kadre']);
    assert.equal(status, 6, `byte ${at}`);
  }
  const updates = await readFile(place.path('kept', 'round-1.updates'));
  updates[updates.length - 1]! ^= 1;
  await writeFile(place.path('kept', 'round-1.updates'), updates);
  const other = await place.json(['train', 'replay', 'c.kadre', '--updates', 'kept']);
  assert.deepEqual([other.status, codeOf(other.object)], [6, 'CERTIFICATE_INVALID']);
}

test('a coordinator that is killed goes on where its chain ends', async () => {
  const words = ['--rounds', '4', '--clients', '2', '--aggregator', 'mean', '--chain', 'r.kadre'];
  const killed = start(...START, ...words);
  const id = await idOf(killed);
  const clients = [join(id, 0), join(id, 1)];
  await within(
    new Promise<void>((resolve) => {
      let text = '';
      killed.child.stdout!.on('data', (piece) => {
        text += piece;
        if (text.includes('"event":"round"')) resolve();
      });
    }),
    'a first round',
  );
  killed.child.kill('SIGKILL');
  await killed.finished;
  const again = start('--resume', id, '--data', 'test.csv', '--chain', 'r.kadre');
  const { status, lines, stderr } = await ended(again, 'the end of the resumed training');
  assert.equal(status, 0, stderr);
  assert.equal(lines[0]!.id, id);
  for (const client of clients) assert.equal((await ended(client, 'a client')).status, 0);
  const verified = await place.json(['verify', 'r.kadre']);
  assert.deepEqual([verified.status, verified.object.rounds], [0, 4]);
});

test('what cannot work is refused with its code', async () => {
  const network = ['--network', lab.networkFile];
  const cases: readonly [string[], number, string][] = [
    [
      ['train', 'start', ...network, ...START, '--codec', 'topk', '--aggregator', 'median'],
      2,
      'UNSAFE_PLAN',
    ],
    [['train', 'start', ...network, ...START, '--codec', 'q9'], 2, 'BAD_CODEC'],
    [['train', 'start', ...network, '--data', 'absent.csv'], 2, 'MALFORMED_FILE'],
    [['train', 'start', ...network], 2, 'USAGE'],
    [['train', 'join', 'ab', ...network, '--data', 'test.csv'], 2, 'USAGE'],
    [
      ['train', 'join', '00'.repeat(32), ...network, '--data', 'test.csv', '--wait-peers', '0.1'],
      4,
      'TRAINING_UNKNOWN',
    ],
  ];
  for (const [words, status, code] of cases) {
    const { status: exit, object } = await place.json(words);
    assert.deepEqual([exit, codeOf(object)], [status, code], words.join(' '));
  }
});

test('nobody joins: exit 3, with what to type', async () => {
  const words = [...START, '--clients', '2', '--aggregator', 'mean', '--wait-clients', '0.2'];
  const { status, lines } = await ended(start(...words), 'the end of a lonely training');
  assert.deepEqual([status, codeOf(lines.at(-1)!)], [3, 'NOT_ENOUGH_PEERS']);
});
