/**
 * Completes package-lock.json: npm leaves out the binaries of other platforms when the registry it
 * was written against does not carry them, and then `npm ci` refuses the file everywhere. Every
 * optional platform package gets an entry with the version its parent pins and the platform that
 * its name states; npm fetches it only there. `--check` writes nothing and fails when incomplete,
 * or when an address of some registry got into the file.
 *
 *   node scripts/lock.ts [--check]      after every `npm install`
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

interface LockEntry {
  version?: string;
  integrity?: string;
  cpu?: string[];
  os?: string[];
  libc?: string[];
  dev?: boolean;
  optional?: boolean;
  resolved?: string;
  optionalDependencies?: Record<string, string>;
}

export interface Lock {
  packages: Record<string, LockEntry>;
}

const SYSTEMS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const CPUS = ['arm64', 'arm', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64'];

/** Entries that the lock lacks, by their place in node_modules. */
export function missingEntries(lock: Lock): Map<string, LockEntry> {
  const missing = new Map<string, LockEntry>();
  for (const entry of Object.values(lock.packages)) {
    for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
      const place = `node_modules/${name}`;
      if (lock.packages[place]?.version !== undefined) continue;
      const version = /^\^?(\d+\.\d+\.\d+.*)$/.exec(range)?.[1];
      if (version === undefined) throw new Error(`${name}: no version in ${range}`);
      missing.set(place, { version, ...platformOf(name), ...flagsOf(entry) });
    }
  }
  return missing;
}

function platformOf(name: string): Pick<LockEntry, 'cpu' | 'os' | 'libc'> {
  const words = name.split('/').at(-1)!.split('-');
  const os = SYSTEMS.find((system) => words.includes(system));
  const cpu = words.includes('wasm32') ? 'wasm32' : CPUS.find((one) => words.includes(one));
  const libc = words.includes('musl') ? 'musl' : words.includes('gnu') ? 'glibc' : undefined;
  return {
    ...(cpu === undefined ? {} : { cpu: [cpu] }),
    ...(os === undefined ? {} : { os: [os] }),
    ...(libc === undefined || os !== 'linux' ? {} : { libc: [libc] }),
  };
}

function flagsOf(parent: LockEntry): Pick<LockEntry, 'dev' | 'optional'> {
  return { ...(parent.dev === true ? { dev: true } : {}), optional: true };
}

function sorted<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  const keys = Object.keys(record).sort((a, b) => a.localeCompare(b, 'en'));
  return Object.fromEntries(keys.map((key) => [key, record[key]!]));
}

function main(): void {
  const file = path.join(path.dirname(import.meta.dirname), 'package-lock.json');
  const lock = JSON.parse(readFileSync(file, 'utf8')) as Lock;
  const missing = missingEntries(lock);
  const addressed = Object.keys(lock.packages).filter((name) => lock.packages[name]!.resolved);
  if (process.argv.includes('--check')) {
    for (const name of missing.keys()) console.error(`package-lock.json lacks ${name}`);
    for (const name of addressed) console.error(`package-lock.json names a registry for ${name}`);
    if (missing.size + addressed.length > 0) console.error('run `node scripts/lock.ts`');
    process.exitCode = missing.size + addressed.length === 0 ? 0 : 1;
    return;
  }
  for (const name of addressed) delete lock.packages[name]!.resolved;
  lock.packages = sorted({ ...lock.packages, ...Object.fromEntries(missing) });
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  console.error(`package-lock.json: ${missing.size} entries added`);
}

if (import.meta.main) main();
