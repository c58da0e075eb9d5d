/**
 * From words to a verb and typed options, or a USAGE error that names the nearest thing. Tokens
 * come from node:util parseArgs; meaning comes from the option tables.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { KadreError } from '../../src/base/errors.ts';
import { suggestion } from '../../src/base/nearest-name.ts';
import { flagOf, GLOBAL_OPTIONS, type OptionRow, type OptionValue } from './option-table.ts';

export interface Positional {
  /** Shown in help, e.g. `KERNEL`. */
  readonly name: string;
  readonly why: string;
  readonly optional?: boolean;
}

/** What parsing needs to know of a verb. */
export interface VerbShape {
  /** One or two words: `run`, `lab up`. */
  readonly name: string;
  readonly options: readonly OptionRow[];
  readonly positionals: readonly Positional[];
  /** Takes a whole command of its own after `--`. */
  readonly innerCommand?: boolean;
}

/** Options as given, checked against their rows. Asking for a name that has no row is a bug. */
export class Arguments {
  readonly positionals: readonly string[];
  /** The words after `--` of a verb that takes an inner command. */
  readonly inner: readonly string[];
  readonly #values: ReadonlyMap<string, OptionValue>;

  constructor(
    values: ReadonlyMap<string, OptionValue>,
    positionals: readonly string[],
    inner: readonly string[] = [],
  ) {
    this.#values = values;
    this.positionals = positionals;
    this.inner = inner;
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** The raw value, for tables that merge several sources. */
  value(name: string): OptionValue | undefined {
    return this.#values.get(name);
  }

  /** True when the flag was given; for a `--no-NAME` row ask for `no-NAME`. */
  flag(name: string): boolean {
    return this.#values.get(name) === true;
  }

  text(name: string): string | undefined {
    const value = this.#values.get(name);
    return typeof value === 'string' ? value : undefined;
  }

  number(name: string): number | undefined {
    const value = this.#values.get(name);
    return typeof value === 'number' ? value : undefined;
  }

  /** The same, where `to` is what was given as `from`, or was not given. */
  moved(from: string, to: string): Arguments {
    const values = new Map(this.#values);
    values.delete(to);
    const value = values.get(from);
    if (value !== undefined) values.set(to, value);
    return new Arguments(values, this.positionals, this.inner);
  }

  list(name: string): readonly string[] {
    const value = this.#values.get(name);
    return Array.isArray(value) ? value : [];
  }
}

export interface ParsedCommand<V extends VerbShape> {
  /** Undefined when only global flags were given (`kadre --help`), and for a group. */
  readonly verb: V | undefined;
  /** Help was asked for about the verbs that share this first word (`kadre id --help`). */
  readonly group?: string;
  readonly arguments: Arguments;
}

interface OptionToken {
  readonly kind: 'option';
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

const usage = (message: string, advice = ''): KadreError =>
  new KadreError(advice === '' ? { code: 'USAGE' } : { code: 'USAGE', advice }, message);

/** Where relative paths start: the caller's folder, also through `npm run`. */
export function callerFolder(env: NodeJS.ProcessEnv = process.env): string {
  return env.INIT_CWD ?? process.cwd();
}

export function parseCommand<V extends VerbShape>(
  argv: readonly string[],
  verbs: readonly V[],
): ParsedCommand<V> {
  const terminator = argv.indexOf('--');
  const words = terminator < 0 ? argv : argv.slice(0, terminator);
  const afterTerminator = terminator < 0 ? [] : argv.slice(terminator + 1);
  const everyRow = [...GLOBAL_OPTIONS, ...verbs.flatMap((verb) => verb.options)];
  const { options, positionals } = tokenize(words, everyRow);
  const group = groupOf(positionals, verbs);
  if (group !== undefined && options.some(({ name }) => name === 'help' || name === 'h')) {
    return { verb: undefined, group, arguments: new Arguments(new Map([['help', true]]), [], []) };
  }
  const verb = verbOf(positionals, verbs);
  const rows = [...GLOBAL_OPTIONS, ...(verb?.options ?? [])];
  const values = readOptions(options, rows, verb?.name);
  const used = verb === undefined ? 0 : verb.name.split(' ').length;
  const rest = positionals.slice(used);
  if (verb?.innerCommand) {
    return { verb, arguments: checkPositionals(verb, values, rest, afterTerminator) };
  }
  return { verb, arguments: checkPositionals(verb, values, [...rest, ...afterTerminator], []) };
}

function tokenize(words: readonly string[], rows: readonly OptionRow[]) {
  const options: Record<string, { type: 'string' | 'boolean'; short?: string }> = {};
  for (const row of rows) {
    const type = row.kind === 'flag' ? 'boolean' : 'string';
    options[flagOf(row)] = row.short === undefined ? { type } : { type, short: row.short };
  }
  const { tokens } = parseArgs({
    args: [...words],
    options,
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  return {
    options: tokens.filter((token) => token.kind === 'option') as OptionToken[],
    positionals: tokens.filter((t) => t.kind === 'positional').map((t) => t.value),
  };
}

/** The one word given, when it is no verb but begins some. */
function groupOf(words: readonly string[], verbs: readonly VerbShape[]): string | undefined {
  const [first, ...others] = words;
  if (first === undefined || others.length > 0) return undefined;
  const begins = verbs.some(({ name }) => name.startsWith(`${first} `));
  return begins && !verbs.some(({ name }) => name === first) ? first : undefined;
}

/** The longest verb that the first words spell. */
function verbOf<V extends VerbShape>(words: readonly string[], verbs: readonly V[]): V | undefined {
  const first = words[0];
  if (first === undefined) return undefined;
  const two = verbs.find((verb) => verb.name === words.slice(0, 2).join(' '));
  const found = two ?? verbs.find((verb) => verb.name === first);
  if (found !== undefined) return found;
  const group = verbs.filter((verb) => verb.name.startsWith(`${first} `)).map((verb) => verb.name);
  if (group.length > 0) {
    throw usage(
      `\`${first}\` needs one of: ${group.join(', ')}`,
      suggestion(words.slice(0, 2).join(' '), group),
    );
  }
  const names = [...new Set(verbs.flatMap((verb) => [verb.name, verb.name.split(' ')[0]!]))];
  throw usage(`unknown verb \`${first}\``, suggestion(first, names) || 'run `kadre --help`');
}

function readOptions(
  tokens: readonly OptionToken[],
  rows: readonly OptionRow[],
  verb: string | undefined,
): Map<string, OptionValue> {
  const byFlag = new Map(rows.map((row) => [flagOf(row), row]));
  const values = new Map<string, OptionValue>();
  for (const token of tokens) {
    const row = byFlag.get(token.name);
    if (row === undefined) {
      const near = byFlag.has(`no-${token.name}`)
        ? `it is on unless --no-${token.name} is given`
        : suggestion(token.name, [...byFlag.keys()]).replace(/mean /, 'mean --');
      const where = verb === undefined ? '' : ` of \`${verb}\``;
      const help = verb === undefined ? 'kadre --help' : `kadre ${verb} --help`;
      throw usage(`unknown flag ${token.rawName}${where}`, near || `run \`${help}\``);
    }
    const flag = flagOf(row);
    if (row.kind === 'flag') {
      if (token.value !== undefined) throw usage(`--${flag} takes no value`);
      values.set(flag, true);
      continue;
    }
    const value = readValue(row, token);
    const before = values.get(row.name);
    if (row.multiple) {
      values.set(row.name, [...(Array.isArray(before) ? before : []), String(value)]);
    } else if (before !== undefined) {
      throw usage(`--${row.name} was given twice`);
    } else {
      values.set(row.name, value);
    }
  }
  return values;
}

function readValue(row: OptionRow, token: OptionToken): string | number {
  const { value } = token;
  const looksLikeFlag = /^-(?!\d|\.\d|$)/.test(value ?? '') && !token.inlineValue;
  if (value === undefined || looksLikeFlag) {
    throw usage(`--${row.name} needs a value${row.placeholder ? `: ${row.placeholder}` : ''}`);
  }
  return checkedValue(row, value, `--${row.name}`);
}

/** One value of a row from its text, checked against kind, bounds and choices. */
export function checkedValue(row: OptionRow, text: string, where: string): string | number {
  switch (row.kind) {
    case 'integer':
    case 'number':
    case 'seconds':
      return numberOf(row, text, where);
    case 'pair':
      if (text.indexOf('=') < 1) throw usage(`${where} needs ${row.placeholder ?? 'KEY=VALUE'}`);
      return text;
    case 'path':
      if (text === '') throw usage(`${where} needs a path`);
      return resolve(callerFolder(), text);
    default:
      if (row.choices !== undefined && !row.choices.includes(text)) {
        throw usage(
          `${where} must be one of: ${row.choices.join(', ')}`,
          suggestion(text, row.choices),
        );
      }
      return text;
  }
}

function numberOf(row: OptionRow, text: string, where: string): number {
  const isWhole = row.kind === 'integer';
  const pattern = isWhole ? /^-?\d{1,16}$/ : /^-?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;
  const value = Number(text);
  if (!pattern.test(text) || !Number.isFinite(value) || (isWhole && !Number.isSafeInteger(value))) {
    throw usage(
      `${where} must be a ${isWhole ? 'whole ' : ''}number, not \`${text.slice(0, 32)}\``,
    );
  }
  const { min = -Infinity, max = Infinity, unit = '' } = row;
  if (value < min || value > max) {
    const range = `${row.min ?? '-∞'} to ${row.max ?? '∞'}${unit && ` ${unit}`}`;
    throw usage(`${where} must be ${range}, not ${text}`);
  }
  return value;
}

function checkPositionals(
  verb: VerbShape | undefined,
  values: Map<string, OptionValue>,
  positionals: readonly string[],
  inner: readonly string[],
): Arguments {
  const parsed = new Arguments(values, positionals, inner);
  if (verb === undefined || parsed.flag('help')) return parsed;
  const missing = verb.positionals[positionals.length];
  if (missing !== undefined && !missing.optional) {
    throw usage(`\`${verb.name}\` needs ${missing.name}: ${missing.why}`);
  }
  const extra = positionals[verb.positionals.length];
  if (extra !== undefined) throw usage(`\`${verb.name}\` does not take \`${extra}\``);
  return parsed;
}
