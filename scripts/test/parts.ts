/**
 * The plan of a test run, in order: first what fails fastest, last what starts real processes.
 * A static check counts as one test. A folder of tests that does not exist is left out of the plan;
 * one that exists must contain tests.
 */
import { existsSync, globSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export interface Check {
  readonly kind: 'check';
  readonly name: string;
  /** A program of node_modules/.bin, or `node` for one of ours. */
  readonly command: string;
  readonly args: readonly string[];
  /** Left out of the plan while this file does not exist. */
  readonly needs?: string;
}

export interface Folder {
  readonly kind: 'folder';
  readonly name: string;
  readonly files: readonly string[];
  readonly concurrency: number;
  /** For one test; the whole folder is bounded by what is left of the run. */
  readonly testTimeoutMs: number;
}

export type Part = Check | Folder;

export const CHECKS: readonly Check[] = [
  { kind: 'check', name: 'format', command: 'biome', args: ['ci', '--error-on-warnings'] },
  { kind: 'check', name: 'types', command: 'tsc', args: ['-p', '.'] },
  {
    kind: 'check',
    name: 'promises',
    command: 'oxlint',
    args: ['--type-aware', '--deny-warnings', 'src', 'node', 'scripts', 'test', 'examples'],
  },
  { kind: 'check', name: 'tidy', command: 'node', args: ['scripts/tidy.ts'] },
  { kind: 'check', name: 'lock', command: 'node', args: ['scripts/lock.ts', '--check'] },
  {
    kind: 'check',
    name: 'unused',
    command: 'knip',
    args: ['--no-progress', '--no-config-hints'],
    // What is unused is only known once the programs that use it are there.
    needs: 'node/main.ts',
  },
  { kind: 'check', name: 'docs', command: 'node', args: ['scripts/docs.ts', '--check'] },
];

const CORES = os.availableParallelism();

/** Test folders in order, with how many files run at once and how long one test may take. */
const FOLDERS = [
  { name: 'unit', concurrency: CORES, testTimeoutMs: 60_000 },
  { name: 'property', concurrency: CORES, testTimeoutMs: 120_000 },
  { name: 'conformance', concurrency: CORES, testTimeoutMs: 120_000 },
  { name: 'vectors', concurrency: CORES, testTimeoutMs: 60_000 },
  { name: 'fuzz', concurrency: CORES, testTimeoutMs: 120_000 },
  { name: 'sim', concurrency: CORES, testTimeoutMs: 180_000 },
  { name: 'browser', concurrency: 1, testTimeoutMs: 120_000 },
  // Each of them compiles for seven architectures, or starts many processes.
  { name: 'gpu', concurrency: 1, testTimeoutMs: 300_000 },
  // Real processes and sockets: several at once would only measure each other.
  { name: 'e2e', concurrency: 1, testTimeoutMs: 180_000 },
];

export const PART_NAMES = ['static', ...FOLDERS.map((folder) => folder.name)];

/** `wanted`: part names or test files; none means everything. Throws on a word that is neither. */
export function planRun(root: string, wanted: readonly string[]): Part[] {
  const unknown = wanted.find((word) => !PART_NAMES.includes(word) && !isTestFile(root, word));
  if (unknown !== undefined) {
    throw new Error(`${unknown}: neither a test file nor one of ${PART_NAMES.join(', ')}`);
  }
  const isWanted = (name: string) => wanted.length === 0 || wanted.includes(name);
  const parts: Part[] = isWanted('static') ? CHECKS.filter((check) => isThere(root, check)) : [];
  for (const folder of FOLDERS) {
    const place = path.join(root, 'test', folder.name);
    if (!isWanted(folder.name) || !existsSync(place)) continue;
    const files = globSync('**/*.test.ts', { cwd: place }).map((file) => path.join(place, file));
    parts.push({ kind: 'folder', ...folder, files: files.sort() });
  }
  const files = wanted.filter((word) => isTestFile(root, word));
  if (files.length > 0) {
    const absolute = files.map((file) => path.resolve(root, file));
    const limits = { concurrency: CORES, testTimeoutMs: 180_000 };
    parts.push({ kind: 'folder', name: 'files', files: absolute, ...limits });
  }
  return parts;
}

function isThere(root: string, check: Check): boolean {
  return check.needs === undefined || existsSync(path.join(root, check.needs));
}

function isTestFile(root: string, word: string): boolean {
  return word.endsWith('.test.ts') && existsSync(path.resolve(root, word));
}
