/**
 * What is published runs by itself: built from no more than the Dockerfile copies, packed, laid
 * into an empty folder beside its dependencies alone, and used from there.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import { promisify } from 'node:util';
import { Workplace } from '../support/workplace.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
const place = new Workplace();
const CHECKOUT = place.path('checkout');
const INSTALLED = place.path('home', 'node_modules', 'kadre');
const manifest = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
const dockerfile = readFileSync(path.join(ROOT, 'docker', 'Dockerfile'), 'utf8');

/** Sources of the COPY lines, of the build stage or of the image itself. */
function copied(stage: 'build' | 'image'): string[] {
  const lines = [...dockerfile.matchAll(/^COPY (--from=build )?(.*)$/gm)];
  return lines
    .filter(([, from]) => (from === undefined) === (stage === 'build'))
    .flatMap(([, , names = '']) => names.split(' ').slice(0, -1));
}

const run = (command: string, args: readonly string[], cwd: string) =>
  promisify(execFile)(command, args, { cwd, env: { ...process.env, NODE_OPTIONS: '' } });
const node = (...args: string[]) => run(process.execPath, args, place.path('home'));
const MAIN = path.join(INSTALLED, manifest.bin.kadre);

before(async () => {
  for (const name of copied('build')) {
    cpSync(path.join(ROOT, name), path.join(CHECKOUT, name), { recursive: true });
  }
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(CHECKOUT, 'node_modules'));
  await run(process.execPath, ['scripts/build.ts'], CHECKOUT);
  // Beside what the build makes, a package has pages that no image needs.
  for (const name of [...manifest.files, 'README.md', 'LICENSE']) {
    const from = path.join(ROOT, name);
    const to = path.join(CHECKOUT, name);
    if (!existsSync(to)) cpSync(from, to, { recursive: true });
  }
  await run('npm', ['pack', '--ignore-scripts', '--silent'], CHECKOUT);
  mkdirSync(INSTALLED, { recursive: true });
  const archive = path.join(CHECKOUT, `${manifest.name}-${manifest.version}.tgz`);
  await run('tar', ['-xzf', archive, '-C', INSTALLED, '--strip-components=1'], CHECKOUT);
  for (const name of Object.keys(manifest.dependencies)) {
    const link = path.join(place.path('home', 'node_modules'), name);
    mkdirSync(path.dirname(link), { recursive: true });
    symlinkSync(path.join(ROOT, 'node_modules', name), link);
  }
});

test('an image holds what the build made, and nothing that is not there', () => {
  const prefix = '/kadre/';
  for (const file of copied('image').map((name) => name.slice(prefix.length))) {
    // The addon is made by the same command, in a place of its own: see below.
    const isThere = file === 'build/kadre.node' || existsSync(path.join(CHECKOUT, file));
    assert.ok(isThere, file);
  }
  assert.ok(existsSync(path.join(CHECKOUT, 'dist', 'browser', 'verify.html')));
  const entry = /ENTRYPOINT \["node", "([^"]+)"\]/.exec(dockerfile)?.[1];
  assert.ok(entry === manifest.bin.kadre && existsSync(path.join(CHECKOUT, entry!)), entry);
});

test('the command line of an installed package helps, lists and verifies', async () => {
  const { stdout: help } = await node(MAIN, '--help');
  assert.match(help, new RegExp(`^kadre ${manifest.version}: `));
  assert.match((await node(MAIN, 'kernels', 'list')).stdout, /^gemm\.f32@1 /m);
  const vectors = JSON.parse(
    readFileSync(path.join(ROOT, 'test', 'vectors', 'certificate.json'), 'utf8'),
  );
  const file = place.path('one.kadre');
  writeFileSync(file, Buffer.from(vectors.good[0].base64, 'base64'));
  const { stdout } = await node(MAIN, 'verify', file, '--json');
  assert.equal(JSON.parse(stdout).valid, true);
});

test('all three entries of the package are there, and a job goes through them', async () => {
  const program = place.path('home', 'job.mjs');
  const lines = [
    "import { connect, KadreError } from 'kadre';",
    "import { testSwarm } from 'kadre/sim';",
    "import { verify } from 'kadre/verify';",
    'await using swarm = await testSwarm({ nodes: 8, seed: 1 });',
    "const job = await swarm.submit('noop@1', { parameters: { items: 64 }, shards: 4 });",
    'const { certificate, outputs } = await job.result();',
    'const { valid } = await verify(certificate, { outputs, jobId: job.id });',
    "const refused = await connect({ network: '/nowhere' }).catch((error) => error);",
    'console.log(valid, refused instanceof KadreError);',
  ];
  writeFileSync(program, lines.join('\n'));
  assert.equal((await node(program)).stdout, 'true true\n');
});

test('the doctor says how an installed package gets its addon, and then it has it', async () => {
  const seen = async () => {
    const words = ['doctor', '--json', '--data', place.path('data')];
    const { checks } = JSON.parse((await node(MAIN, ...words)).stdout);
    return checks.find(({ name }: { name: string }) => name === 'addon');
  };
  const before = await seen();
  assert.equal(before.status, 'warning');
  const [, builder = ''] = /: node (\S+)$/.exec(before.advice) ?? [];
  const { stderr } = await node(builder);
  const hasCompiler = !/no C\+\+ compiler found/.test(stderr);
  assert.equal((await seen()).status, hasCompiler ? 'ok' : 'warning');
});
