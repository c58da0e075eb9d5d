/**
 * A node's settings: one table, and for each the first of flag, environment variable, the data
 * directory's config.json, default (contract.md, "Files"). `config show` and `config explain`
 * print the outcome with its source.
 */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { KadreError } from '../src/base/errors.ts';
import { suggestion } from '../src/base/nearest-name.ts';
import { BUILT_IN_NETWORKS } from '../src/swarm/network-file.ts';
import { flagOf, GLOBAL_OPTIONS, type OptionRow, type OptionValue } from './cli/option-table.ts';
import { type Arguments, callerFolder, checkedValue } from './cli/parse-arguments.ts';

/** Flags of `up`; the same names are the keys of config.json. */
export const NODE_OPTIONS: readonly OptionRow[] = [
  {
    name: 'listen',
    kind: 'text',
    placeholder: 'MULTIADDR',
    multiple: true,
    default: '/ip4/0.0.0.0/tcp/0',
    env: 'KADRE_LISTEN',
    why: 'where other nodes reach this one; port 0 takes a free one',
  },
  {
    name: 'bootstrap',
    kind: 'text',
    placeholder: 'MULTIADDR',
    multiple: true,
    default: "the network file's list",
    env: 'KADRE_BOOTSTRAP',
    why: 'nodes to join through; tried for ever, with growing pauses',
  },
  {
    name: 'roles',
    kind: 'text',
    placeholder: 'LIST',
    default: 'worker,cadre',
    env: 'KADRE_ROLES',
    why: 'what this node does for others: worker, cadre, relay',
  },
  {
    name: 'share',
    kind: 'number',
    placeholder: 'FRACTION',
    min: 0.01,
    max: 1,
    default: 1,
    env: 'KADRE_SHARE',
    why: "part of this machine's cores that jobs may use",
  },
  {
    name: 'store',
    kind: 'number',
    placeholder: 'GIB',
    unit: 'GiB',
    min: 0.001,
    max: 1_048_576,
    default: 64,
    env: 'KADRE_STORE',
    why: 'disk for inputs and results; what no live job needs goes first',
  },
  {
    name: 'memory',
    kind: 'number',
    placeholder: 'GIB',
    unit: 'GiB',
    min: 0.0625,
    max: 65_536,
    default: "the share of the machine's",
    env: 'KADRE_MEMORY',
    why: 'memory that jobs may use: what is advertised, and what inputs of a plan may take',
  },
  {
    name: 'hours',
    kind: 'text',
    placeholder: 'FROM-TO',
    default: 'always',
    env: 'KADRE_HOURS',
    why: 'hours of the day, local time, in which work is taken, e.g. 22-7',
  },
  {
    name: 'gpu',
    kind: 'flag',
    default: true,
    env: 'KADRE_GPU',
    why: 'do not use the GPU even where there is one',
  },
  {
    name: 'mdns',
    kind: 'flag',
    default: true,
    env: 'KADRE_MDNS',
    why: 'do not look for nodes on the local network',
  },
  {
    name: 'upnp',
    kind: 'flag',
    default: true,
    env: 'KADRE_UPNP',
    why: 'do not ask the router to forward a port (UPnP, NAT-PMP)',
  },
  {
    name: 'announce',
    kind: 'text',
    placeholder: 'MULTIADDR',
    multiple: true,
    default: 'none beside those it listens on',
    env: 'KADRE_ANNOUNCE',
    why: 'where others reach this node though it does not listen there: a forwarded port, a name',
  },
  {
    name: 'invitation',
    kind: 'text',
    placeholder: 'HEX',
    default: 'the one given before',
    env: 'KADRE_INVITATION',
    why: 'what `network invite` printed for this node, where the network asks for one',
  },
  {
    name: 'api',
    kind: 'text',
    placeholder: 'HOST:PORT',
    default: '127.0.0.1:0',
    env: 'KADRE_API',
    why: 'loopback address of the HTTP API; port 0 takes a free one',
  },
];

/** Their default is said in words: nothing is set. */
const WORDS = new Set(['bootstrap', 'announce', 'invitation', 'memory', 'hours']);
const SHARED_NAMES = ['network', 'data', 'log'];
/** Everything that `config show` lists. */
export const CONFIG_OPTIONS: readonly OptionRow[] = [
  ...GLOBAL_OPTIONS.filter((row) => SHARED_NAMES.includes(row.name)),
  ...NODE_OPTIONS,
];

export type ConfigSource = 'flag' | 'environment' | 'file' | 'default';

export interface ConfigEntry {
  readonly row: OptionRow;
  /** Undefined where the default is words, not a value. */
  readonly value: OptionValue | undefined;
  readonly source: ConfigSource;
}

export type Configuration = ReadonlyMap<string, ConfigEntry>;

const LIST_ENTRIES_MAX = 64;
const CONFIG_FILE_BYTES_MAX = 65_536;

/** The data directory: flag, then KADRE_DATA, then ~/.kadre. It cannot be set in its own file. */
export function dataDirOf(given: Arguments, env: NodeJS.ProcessEnv = process.env): string {
  const flag = given.text('data');
  if (flag !== undefined) return flag;
  const variable = env.KADRE_DATA;
  if (variable) return resolve(callerFolder(env), variable);
  return join(homedir(), '.kadre');
}

/** The network's built-in name, or its file's path from the caller's folder. */
export function networkOf(
  configuration: Configuration,
  env: NodeJS.ProcessEnv = process.env,
): string {
  const name = String(configuration.get('network')?.value);
  return Object.hasOwn(BUILT_IN_NETWORKS, name) ? name : resolve(callerFolder(env), name);
}

/** Merges the four sources. Errors: BAD_CONFIG, USAGE (a malformed environment variable). */
export async function loadConfiguration(
  given: Arguments,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Configuration> {
  const dataDir = dataDirOf(given, env);
  const file = await readConfigFile(join(dataDir, 'config.json'));
  const entries = new Map<string, ConfigEntry>();
  for (const row of CONFIG_OPTIONS) entries.set(row.name, entryOf(row, given, env, file));
  const data = entries.get('data')!;
  entries.set('data', { ...data, value: dataDir });
  return entries;
}

function entryOf(
  row: OptionRow,
  given: Arguments,
  env: NodeJS.ProcessEnv,
  file: ReadonlyMap<string, OptionValue>,
): ConfigEntry {
  const flag = given.value(flagOf(row));
  if (flag !== undefined) {
    return { row, value: row.kind === 'flag' ? row.default !== true : flag, source: 'flag' };
  }
  const text = row.env === undefined ? undefined : env[row.env];
  if (text) return { row, value: fromEnvironment(row, text), source: 'environment' };
  const held = file.get(row.name);
  if (held !== undefined) return { row, value: held, source: 'file' };
  const isWords = WORDS.has(row.name);
  const value = row.multiple && !isWords ? [String(row.default)] : row.default;
  return { row, value: isWords ? undefined : value, source: 'default' };
}

function fromEnvironment(row: OptionRow, text: string): OptionValue {
  const where = `environment variable ${row.env}`;
  if (row.kind === 'flag') {
    if (/^(?:1|true|yes)$/i.test(text)) return true;
    if (/^(?:0|false|no)$/i.test(text)) return false;
    throw new KadreError({ code: 'USAGE' }, `${where} must be true or false, not \`${text}\``);
  }
  if (row.multiple) return text.split(',').map((part) => String(checkedValue(row, part, where)));
  return checkedValue(row, text, where);
}

async function readConfigFile(file: string): Promise<ReadonlyMap<string, OptionValue>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return new Map();
    throw new KadreError({ code: 'BAD_CONFIG' }, `cannot read ${file}: ${message}`, { cause });
  }
  return parseConfigFile(text, file);
}

/** Checks every key against the table. Errors: BAD_CONFIG. */
export function parseConfigFile(text: string, file: string): ReadonlyMap<string, OptionValue> {
  const bad = (why: string, advice = '') => {
    const init = { code: 'BAD_CONFIG', ...(advice ? { advice } : {}) } as const;
    return new KadreError(init, `${file}: ${why}`);
  };
  let value: unknown;
  try {
    value = text.length > CONFIG_FILE_BYTES_MAX ? undefined : JSON.parse(text);
  } catch (cause) {
    throw bad(`not JSON: ${(cause as Error).message}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw bad(`not a JSON object of at most ${CONFIG_FILE_BYTES_MAX} bytes`);
  }
  const rows = CONFIG_OPTIONS.filter((row) => row.name !== 'data');
  const held = new Map<string, OptionValue>();
  for (const [key, entry] of Object.entries(value)) {
    const row = rows.find((candidate) => candidate.name === key);
    if (row === undefined) {
      const names = rows.map((candidate) => candidate.name);
      throw bad(`unknown key \`${key}\``, suggestion(key, names));
    }
    held.set(key, fileValue(row, entry, bad));
  }
  return held;
}

function fileValue(row: OptionRow, entry: unknown, bad: (why: string) => KadreError): OptionValue {
  const scalar = (part: unknown): string | number => {
    if (typeof part !== 'string' && typeof part !== 'number') {
      throw bad(`\`${row.name}\` must be a ${row.kind}`);
    }
    try {
      return checkedValue(row, String(part), `\`${row.name}\``);
    } catch (cause) {
      throw bad((cause as Error).message);
    }
  };
  if (row.kind === 'flag') {
    if (typeof entry !== 'boolean') throw bad(`\`${row.name}\` must be true or false`);
    return entry;
  }
  if (!row.multiple) return scalar(entry);
  if (!Array.isArray(entry) || entry.length > LIST_ENTRIES_MAX) {
    throw bad(`\`${row.name}\` must be a list of at most ${LIST_ENTRIES_MAX}`);
  }
  return entry.map((part) => String(scalar(part)));
}
