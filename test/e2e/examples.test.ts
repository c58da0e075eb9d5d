/**
 * Every program of examples/ and the lines of SDK in the README do what they say, as printed, on a
 * swarm of real processes.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { before, test } from 'node:test';
import type { Lab } from '../../node/lab/lab.ts';
import { Workplace, within } from '../support/workplace.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
const place = new Workplace();
let lab: Lab;
before(async () => {
  lab = await place.lab([null, null, null, null, null]);
});

/** Runs a program in the test's folder; gives what it printed. A failure fails the test. */
async function runProgram(file: string, ...words: string[]): Promise<string> {
  const child = spawn(process.execPath, ['--conditions=kadre-source', file, ...words], {
    cwd: place.folder,
    // An example that is a test reports to whoever reads it, not to the runner of this one.
    env: { ...process.env, KADRE_NETWORK: lab.networkFile, NODE_TEST_CONTEXT: undefined },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [text, errors] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    errors += piece;
  });
  const [status] = await within(once(child, 'close'), `the end of ${file}`);
  assert.equal(status, 0, `${text}\n${errors}`);
  return text;
}

interface Shown {
  readonly name: string;
  readonly words?: readonly string[];
  readonly prints: readonly RegExp[];
  readonly pictures?: readonly string[];
}

/** In order: a later one may use what an earlier one wrote. */
const EXAMPLES: readonly Shown[] = [
  {
    name: 'submit-gemm',
    prints: [/^job [0-9a-f]{64}$/m, /^16 of 16 shards$/m, /is -?\d+\.\d+; [34] of 4 members/],
  },
  {
    name: 'verify-offline',
    words: ['product.kadre'],
    prints: [/valid: gemm.f32@1 in 16 shards, 3 replicas/, /3 of 4 had to/, /self-consistent/],
  },
  {
    name: 'mandelbrot-png',
    prints: [/^mandelbrot\.png, by [1-5] workers$/m],
    pictures: ['mandelbrot.png'],
  },
  {
    name: 'map-over-a-stream',
    prints: [
      // In order, and not asked for the third before the first is out.
      /^batch 0 goes in\nbatch 1 goes in\nbatch 0 is 0 after [\s\S]*^batch 2 goes in$/m,
      /^batch 1 is 64 after [\s\S]*^batch 5 is 320 after \d+ ms\n$/m,
    ],
  },
  {
    name: 'detached-pick-up',
    prints: [
      /^\d+ others hold all/m,
      /^gone; job [0-9a-f]{64} goes on$/m,
      /^found again: (?:running|done)$/m,
      /^picked up, and valid$/m,
    ],
  },
  { name: 'own-test', prints: [/^ℹ pass 1$/m, /^ℹ fail 0$/m] },
  {
    name: 'train-own-model',
    prints: [
      /^round 0: 3 parties, (?:-?\d\.\d\d ?){3}$/m,
      /^round 7: 3 parties, 0\.5\d (?:2\.0\d|1\.9\d) -1\.(?:4[5-9]|5[0-5])$/m,
      /^valid: 8 rounds, each agreed on by 2 workers$/m,
    ],
  },
  // Black and Scholes say 9.122 and 11.019.
  {
    name: 'option-price',
    prints: [/^call: 9\.1\d\d ± 0\.0\d\d$/m, /^put: 11\.0\d\d ± 0\.0\d\d$/m],
  },
];

for (const { name, words = [], prints, pictures = [] } of EXAMPLES) {
  test(`examples/${name}.ts`, async () => {
    const text = await runProgram(path.join(ROOT, 'examples', `${name}.ts`), ...words);
    for (const printed of prints) assert.match(text, printed);
    for (const picture of pictures) {
      assert.equal((await readFile(place.path(picture))).toString('latin1', 1, 4), 'PNG');
    }
  });
}

/** As `npm run example` does, in a process group of its own. */
function startRunner(...words: string[]) {
  const runner = path.join(ROOT, 'scripts', 'example.ts');
  const child = spawn(process.execPath, [runner, ...words], {
    cwd: place.folder,
    env: { ...process.env, KADRE_NETWORK: undefined, INIT_CWD: place.folder },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    said.out += piece;
  });
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    said.err += piece;
  });
  const ended = once(child, 'close').then(([status]) => status as number | null);
  return { child, said, status: within(ended, `the end of ${words}`) };
}

test('the runner of examples names them, and hands on words, folder and status', async () => {
  const unknown = startRunner('nobodys');
  assert.equal(await unknown.status, 2);
  assert.match(unknown.said.err, /no example nobodys\n.*NAME, one of: .*verify-offline/);
  const missing = startRunner();
  assert.equal(await missing.status, 2);
  assert.match(missing.said.err, /^which example\?\n/);
  const verified = startRunner('verify-offline', 'product.kadre');
  assert.deepEqual([await verified.status, verified.said.err], [0, '']);
  assert.match(verified.said.out, /^product\.kadre is valid: gemm/);
  await writeFile(
    place.path('cut.kadre'),
    (await readFile(place.path('product.kadre'))).subarray(9),
  );
  assert.equal(await startRunner('verify-offline', 'cut.kadre').status, 6);
});

test('a runner that is stopped takes program and swarm with it', async () => {
  const { child, said, status } = startRunner('map-over-a-stream');
  const begun = (async () => {
    for await (const _ of child.stdout) if (/^batch 0 goes in$/m.test(said.out)) return;
  })();
  await within(begun, 'the first batch');
  child.kill('SIGTERM');
  assert.equal(await status, 130);
  assert.throws(() => process.kill(-child.pid!, 0), { code: 'ESRCH' });
});

test('every example is run, and the page lists them all', () => {
  const files = globSync('*.ts', { cwd: path.join(ROOT, 'examples') });
  const names = files.map((file) => file.replace(/\.ts$/, '')).sort();
  assert.deepEqual(EXAMPLES.map(({ name }) => name).sort(), names);
  const page = readFileSync(path.join(ROOT, 'examples', 'README.md'), 'utf8');
  const listed = [...page.matchAll(/^\| \[`([a-z-]+)`\]/gm)].map(([, name]) => name);
  assert.deepEqual(listed.sort(), names);
});

test('the lines of SDK in the README run as they are printed', async () => {
  const readme = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
  const [, lines = ''] = /^```ts\n([\s\S]*?)^```$/m.exec(readme) ?? [];
  assert.ok(lines.includes("from 'kadre'") && lines.split('\n').length <= 24, lines);
  // A user's folder: the package, the network file, the program.
  await mkdir(place.path('node_modules'));
  await symlink(ROOT, place.path('node_modules', 'kadre'));
  await copyFile(lab.networkFile, place.path('lab.json'));
  await writeFile(place.path('readme.mts'), lines);
  const text = await runProgram('readme.mts');
  assert.match(text, /^16 of 16 shards$/m);
  assert.match(text, /^1024 \[$/m);
});
