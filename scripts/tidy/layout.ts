/**
 * Where things may be imported from: the table behind the design's "Layout". In `src` a folder may
 * import only from folders above it; `index.ts`, `verify.ts` and `sim.ts` stand outside the order;
 * nothing in `src` knows `node`, `scripts` or `test`.
 */
import path from 'node:path';
import { type Finding, finding, type Import, type SourceFile } from './source-file.ts';

/** Top to bottom: each may import from itself and from those before it. */
export const FOLDERS = [
  'base',
  'crypto',
  'wire',
  'blob',
  'kernel',
  'swarm',
  'job',
  'consensus',
  'certificate',
  'federated',
  'compute',
  'native',
  'store',
  'net',
  'roles',
  'sim',
  'sdk',
];

/** Surfaces of the package: they may import any folder, and no folder imports them. */
const SURFACES = ['src/index.ts', 'src/verify.ts', 'src/sim.ts'];

/** What a top folder may import from. */
const TOP: Readonly<Record<string, readonly string[]>> = {
  src: ['src'],
  node: ['src', 'node'],
  scripts: ['src', 'node', 'scripts'],
  test: ['src', 'node', 'scripts', 'test'],
  // What a user writes: the package by its name, and a file to copy.
  examples: ['node'],
};

/** Writers of golden bytes make what the tests make: they share the tests' factories. */
const VECTOR_WRITERS = 'scripts/vectors/';
const TEST_FACTORIES = 'test/support/';

/** What a role does is written against ports only (design, "Layout"). */
const ROLES_NEVER = ['net'];

/** Decisions: pure, the same on every machine, and in a browser. */
const PORTABLE = [
  'base',
  'wire',
  'blob',
  'kernel',
  'swarm',
  'job',
  'certificate',
  'federated',
  'roles',
];

interface Owner {
  readonly what: string;
  readonly pattern: RegExp;
  readonly owners: readonly string[];
}

/** Packages that exactly one folder may touch. */
const OWNED: readonly Owner[] = [
  // The host takes its key in libp2p's own type: `@libp2p/crypto` counts as libp2p's.
  {
    what: 'libp2p',
    pattern: /^(?:libp2p|@libp2p\/.*|@chainsafe\/libp2p-.*|@multiformats\/.*|it-.*)$/,
    owners: ['src/net/'],
  },
  {
    what: 'crypto',
    pattern: /^(?:node:crypto|crypto|@noble\/.*|@chainsafe\/blst)$/,
    owners: ['src/crypto/'],
  },
  {
    what: 'CBOR',
    pattern: /^(?:cborg|@ipld\/.*)(?:\/.*)?$/,
    owners: ['src/wire/'],
  },
];

/** Packages known to run in a browser, for `verify.ts` and all that it reaches. */
const BROWSER_SAFE =
  /^(?:@ipld\/dag-cbor|@noble\/(?:curves|hashes)|multiformats|uint8arrays)(?:\/|$)/;

export function folderOf(file: string): string | undefined {
  const parts = file.split('/');
  return parts[0] === 'src' && parts.length > 2 ? parts[1] : undefined;
}

/** Repository path that a relative specifier leads to. */
export function targetOf(file: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  return path.posix.join(path.posix.dirname(file), specifier);
}

export function checkLayout(file: SourceFile): Finding[] {
  return file.imports.flatMap((entry) => {
    const message = refusal(file.path, entry);
    return message === undefined ? [] : [finding(file, entry.line, 'layout', message)];
  });
}

function refusal(from: string, entry: Import): string | undefined {
  const target = targetOf(from, entry.specifier);
  if (target === undefined) return refusedPackage(from, entry.specifier);
  const [top = ''] = from.split('/');
  const [targetTop = ''] = target.split('/');
  const allowed = TOP[top];
  const isWriter = from.startsWith(VECTOR_WRITERS) && target.startsWith(TEST_FACTORIES);
  if (allowed !== undefined && !allowed.includes(targetTop) && !isWriter) {
    return `${top}/ must not import from ${targetTop}/`;
  }
  if (!/\.(?:ts|mjs|json)$/.test(target)) return `${entry.specifier} lacks its extension`;
  return top === 'src' && targetTop === 'src' ? refusedFolder(from, target) : undefined;
}

function refusedFolder(from: string, target: string): string | undefined {
  if (SURFACES.includes(from)) return undefined;
  if (SURFACES.includes(target)) return `${target} is a surface: nothing in src imports it`;
  const folder = folderOf(from);
  const targetFolder = folderOf(target);
  if (folder === undefined) return `${from} is neither in a folder nor one of ${SURFACES}`;
  if (targetFolder === undefined) return `${target} is in no folder`;
  const rank = FOLDERS.indexOf(folder);
  const targetRank = FOLDERS.indexOf(targetFolder);
  if (rank === -1) return `src/${folder} is not in the layout`;
  if (targetRank === -1) return `src/${targetFolder} is not in the layout`;
  if (targetRank > rank) return `src/${folder} stands above src/${targetFolder}`;
  if (folder === 'roles' && ROLES_NEVER.includes(targetFolder)) {
    return `src/roles reaches src/${targetFolder} only through ports`;
  }
  return undefined;
}

function refusedPackage(from: string, specifier: string): string | undefined {
  const top = from.split('/')[0];
  if (top !== 'src' && top !== 'node') return undefined;
  const owner = OWNED.find((entry) => entry.pattern.test(specifier));
  if (owner !== undefined && !OWNED.some((entry) => owns(entry, specifier, from))) {
    return `only ${owner.owners[0]} imports ${owner.what} packages (${specifier})`;
  }
  const folder = folderOf(from);
  const isPortable =
    (folder !== undefined && PORTABLE.includes(folder)) || from.startsWith('src/crypto/portable/');
  return isPortable && specifier.startsWith('node:')
    ? `${from.split('/').slice(0, -1).join('/')} runs everywhere: no ${specifier}`
    : undefined;
}

function owns(entry: Owner, specifier: string, from: string): boolean {
  return entry.pattern.test(specifier) && entry.owners.some((folder) => from.startsWith(folder));
}

/** `verify.ts` and everything that it loads must run in a browser. */
export function checkVerifierReach(files: ReadonlyMap<string, SourceFile>): Finding[] {
  const findings: Finding[] = [];
  const seen = new Set<string>();
  const queue = ['src/verify.ts'];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    const source = files.get(file);
    if (seen.has(file) || source === undefined) continue;
    seen.add(file);
    for (const entry of source.imports.filter((one) => !one.typeOnly)) {
      const target = targetOf(file, entry.specifier);
      if (target !== undefined) queue.push(target);
      else if (!BROWSER_SAFE.test(entry.specifier)) {
        const message = `${entry.specifier} needs more than a browser; src/verify.ts loads this`;
        findings.push(finding(source, entry.line, 'browser', message));
      }
    }
  }
  return findings;
}
