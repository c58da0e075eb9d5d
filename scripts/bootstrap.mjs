/**
 * The first step of every npm script: makes a fresh clone runnable, then runs one program of this
 * repository on the pinned Node. Plain JavaScript for Node 18 and later, because the machine's own
 * Node may be older than the one that runs the TypeScript sources. Everything it says goes to
 * stderr: stdout belongs to the program (contract.md, "From a fresh clone").
 *
 *   node scripts/bootstrap.mjs TASK [arguments of the task]
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './bootstrap/lock.mjs';

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const MODULES = path.join(ROOT, 'node_modules');
const PINNED_NODE = path.join(MODULES, 'node', 'bin', 'node');
const BUILD = path.join(ROOT, 'build');
const NATIVE_STAMP = path.join(BUILD, 'bootstrap-native.json');
const NATIVE_BUILDER = path.join(ROOT, 'scripts', 'build-native.ts');
const DEVICE_BUILDER = path.join(ROOT, 'scripts', 'native', 'device-code.ts');
const ADDON = path.join(BUILD, 'kadre.node');

/** What can be run: the program, arguments put before the caller's, whether it needs the addon. */
const TASKS = {
  kadre: { entry: 'node/main.ts', native: true },
  lab: { entry: 'node/main.ts', first: ['lab'], native: true },
  demo: { entry: 'node/demo/main.ts', native: true },
  test: { entry: 'scripts/test.ts', native: true },
  check: { entry: 'scripts/test.ts', first: ['static'], native: false },
  tidy: { entry: 'scripts/tidy.ts', native: false },
  docs: { entry: 'scripts/docs.ts', native: false },
  vectors: { entry: 'scripts/vectors.ts', native: true },
  build: { entry: 'scripts/build.ts', native: true },
  bundle: { entry: 'scripts/bundle-verifier.ts', native: false },
  'build:native': { entry: 'scripts/build-native.ts', native: false },
  example: { entry: 'scripts/example.ts', native: true },
  fuzz: { entry: 'test/fuzz/main.ts', native: true },
  bench: { entry: 'test/bench/main.ts', native: true },
  soak: { entry: 'test/soak/main.ts', native: false },
  'kill-points': { entry: 'test/kill/main.ts', native: true },
  'gpu-check': { entry: 'scripts/gpu-check.ts', native: true },
  sim: { entry: 'scripts/sim.ts', native: false },
  'train:results': { entry: 'scripts/train-results.ts', native: false },
  'sim:bugs': { entry: 'scripts/sim-bugs.ts', native: false },
};

function say(line) {
  fs.writeSync(2, `kadre: ${line}\n`);
}

function fail(line, status) {
  say(line);
  process.exit(status);
}

function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * True when node_modules holds what package-lock.json asks for. npm writes its own copy of the lock
 * as the last act of an install, so a matching copy also means that the install was completed.
 * Optional packages (binaries for other platforms) may be missing.
 */
function isInstalled() {
  const wanted = readJson(path.join(ROOT, 'package-lock.json'))?.packages;
  const found = readJson(path.join(MODULES, '.package-lock.json'))?.packages;
  if (wanted === undefined) fail('package-lock.json is missing or damaged', 7);
  if (found === undefined || nodeBinary() === undefined) return false;
  for (const [name, entry] of Object.entries(wanted)) {
    if (name === '') continue;
    const held = found[name];
    if (held === undefined ? !entry.optional : !isSamePackage(entry, held)) return false;
  }
  return true;
}

function isSamePackage(wanted, held) {
  return wanted.version === held.version && wanted.integrity === held.integrity;
}

/** The pinned Node; this process's own when that is new enough; otherwise undefined. */
function nodeBinary() {
  if (fs.existsSync(PINNED_NODE)) return PINNED_NODE;
  const [major, minor] = process.versions.node.split('.').map(Number);
  return major > 22 || (major === 22 && minor >= 18) ? process.execPath : undefined;
}

/** Runs a program with its output on stderr. Resolves to its exit status; keeps the loop free. */
function spawned(command, args, env) {
  const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 2, 2], env });
  return new Promise((resolve) => {
    child.on('error', (error) => {
      say(`${command} could not be started: ${error.message}`);
      resolve(127);
    });
    child.on('exit', (status) => resolve(status ?? 1));
  });
}

function npm(args) {
  const program = process.env.npm_execpath;
  const [command, first] =
    program !== undefined && /npm-cli\.[cm]?js$/.test(program)
      ? [process.execPath, [program]]
      : [process.platform === 'win32' ? 'npm.cmd' : 'npm', []];
  // A task started with `npm run --silent` must still show why an install failed.
  const env = { ...process.env, npm_config_loglevel: 'warn' };
  return spawned(command, [...first, ...args, '--loglevel=warn'], env);
}

async function install() {
  if (fs.lstatSync(MODULES, { throwIfNoEntry: false })?.isSymbolicLink()) {
    fail('node_modules is a link and does not match package-lock.json: install where it points', 7);
  }
  say('installing the packages of package-lock.json (npm ci), about a minute');
  const clean = ['ci', '--include=dev', '--include=optional'];
  let status = await npm(clean);
  if (status !== 0) {
    say(`npm ci failed with status ${status}; trying once more`);
    status = await npm(clean);
  }
  if (status !== 0) fail(`npm ci failed with status ${status}: is the registry reachable?`, 7);
  if (nodeBinary() === undefined) {
    // The package `node` fetches its binary in an install script, which a user may have disabled.
    say('fetching the pinned Node (npm rebuild node)');
    await npm(['rebuild', 'node', '--ignore-scripts=false']);
  }
  if (nodeBinary() === undefined) fail('Node 22.18 or later is needed and was not installed', 7);
}

function filesUnder(folder) {
  const entries = fs.existsSync(folder) ? fs.readdirSync(folder, { withFileTypes: true }) : [];
  return entries.flatMap((entry) => {
    const file = path.join(folder, entry.name);
    return entry.isDirectory() ? filesUnder(file) : [file];
  });
}

/** Which of the compilers that a native build may use are here: of the host, then of GPUs. */
function compilersFound() {
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  const names = [process.env.CXX, 'g++', 'clang++', 'c++', process.env.NVCC ?? 'nvcc'];
  const isThere = (name) =>
    path.isAbsolute(name)
      ? fs.existsSync(name)
      : folders.some((folder) => fs.existsSync(path.join(folder, name)));
  return names.filter((name) => name && isThere(name)).join();
}

/** Everything that a native build depends on, in one hash. */
function nativeFingerprint() {
  const hash = createHash('sha256');
  hash.update(`${os.platform()} ${os.arch()} compilers:${compilersFound()} ${nodeBinary()}\0`);
  const files = [NATIVE_BUILDER, DEVICE_BUILDER, path.join(ROOT, 'package-lock.json')];
  for (const file of [...files, ...filesUnder(path.join(ROOT, 'src', 'native')).sort()]) {
    hash
      .update(`${path.relative(ROOT, file)}\0`)
      .update(fs.readFileSync(file))
      .update('\0');
  }
  return hash.digest('hex');
}

function isNativeCurrent() {
  if (!fs.existsSync(NATIVE_BUILDER)) return true;
  const stamp = readJson(NATIVE_STAMP);
  if (stamp?.fingerprint !== nativeFingerprint()) return false;
  return stamp.built === false || fs.existsSync(ADDON);
}

/** Builds the addon. Without a compiler the builder says what to install and reports success. */
async function buildNative() {
  say('building the native addon');
  const status = await spawned(nodeBinary(), [NATIVE_BUILDER], process.env);
  if (status !== 0) {
    say(`the native build failed with status ${status}; going on without native kernels`);
    return;
  }
  const stamp = { fingerprint: nativeFingerprint(), built: fs.existsSync(ADDON) };
  fs.writeFileSync(NATIVE_STAMP, JSON.stringify(stamp));
}

async function prepare(task) {
  const isReady = () => isInstalled() && (!task.native || isNativeCurrent());
  if (isReady()) return;
  fs.mkdirSync(BUILD, { recursive: true });
  await withLock(path.join(BUILD, 'bootstrap.lock'), say, async () => {
    if (!isInstalled()) await install();
    if (task.native && !isNativeCurrent()) await buildNative();
  });
}

/**
 * Becomes the program. Where the runtime can replace its own process, signals, exit status and
 * parenthood are the program's own; elsewhere a child is watched and its end repeated exactly.
 */
function run(entry, args) {
  const binary = nodeBinary();
  const env = { ...process.env, INIT_CWD: process.env.INIT_CWD ?? process.cwd() };
  const argv = ['--disable-warning=ExperimentalWarning', entry, ...args];
  if (typeof process.execve === 'function') {
    process.execve(binary, [binary, ...argv], env);
  }
  const child = spawn(binary, argv, { stdio: 'inherit', env });
  const forward = (signal) => {
    // A terminal has already sent its interrupt to the whole group; a second one would force.
    if (signal === 'SIGINT' && process.stdin.isTTY) return;
    child.kill(signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'];
  for (const signal of signals) process.on(signal, forward);
  child.on('error', (error) => fail(`${binary} could not be started: ${error.message}`, 7));
  child.on('exit', (status, signal) => {
    if (signal === null) process.exit(status);
    for (const name of signals) process.removeListener(name, forward);
    process.kill(process.pid, signal);
  });
}

async function main() {
  const [name, ...args] = process.argv.slice(2);
  const task = name !== undefined && Object.hasOwn(TASKS, name) ? TASKS[name] : undefined;
  if (task === undefined) fail(`unknown task; one of: ${Object.keys(TASKS).join(', ')}`, 2);
  const entry = path.join(ROOT, task.entry);
  if (!fs.existsSync(entry)) fail(`${task.entry} is not part of this checkout`, 2);
  await prepare(task);
  run(entry, [...(task.first ?? []), ...args]);
}

await main();
