/**
 * Options are declared once, as data: name, kind, unit, bounds, default and why. Parsing, help
 * text, docs/cli.md and the checks derive from these rows (style.md, "Options").
 */
export interface OptionRow {
  /** Long name without dashes. A `flag` whose default is true is given as `--no-NAME`. */
  readonly name: string;
  /** `seconds` is a number in seconds; `pair` is KEY=VALUE; `path` resolves against INIT_CWD. */
  readonly kind: 'flag' | 'text' | 'integer' | 'number' | 'seconds' | 'path' | 'pair';
  readonly why: string;
  readonly short?: string;
  /** Shown in help: `--listen MULTIADDR`. */
  readonly placeholder?: string;
  readonly unit?: string;
  readonly min?: number;
  readonly max?: number;
  /** The text form of the default, or words that describe it. */
  readonly default?: string | number | boolean;
  /** May be given several times. */
  readonly multiple?: boolean;
  /** The only values taken. */
  readonly choices?: readonly string[];
  /** Environment variable that supplies it when the flag is absent. */
  readonly env?: string;
}

export type OptionValue = string | number | boolean | readonly string[];

/** How a row is written on the command line. */
export function flagOf(row: OptionRow): string {
  return row.kind === 'flag' && row.default === true ? `no-${row.name}` : row.name;
}

/** Flags that every verb takes. */
export const GLOBAL_OPTIONS: readonly OptionRow[] = [
  {
    name: 'json',
    kind: 'flag',
    why: 'stdout carries JSON only: one object, or one per line for streams',
  },
  {
    name: 'network',
    kind: 'text',
    placeholder: 'FILE|public|local',
    default: 'public',
    env: 'KADRE_NETWORK',
    why: 'the swarm: a network file or a built-in name',
  },
  {
    name: 'data',
    kind: 'path',
    placeholder: 'DIR',
    default: '~/.kadre',
    env: 'KADRE_DATA',
    why: 'the data directory: identity, configuration, blobs, logs of consensus',
  },
  {
    name: 'log',
    kind: 'text',
    placeholder: 'LEVEL',
    choices: ['debug', 'info', 'warn', 'error'],
    default: 'warn',
    env: 'KADRE_LOG',
    why: 'least severe log line that goes to stderr',
  },
  {
    name: 'log-format',
    kind: 'text',
    placeholder: 'FORMAT',
    choices: ['text', 'json'],
    default: 'text',
    env: 'KADRE_LOG_FORMAT',
    why: 'of the log lines; json: one object a line, for collectors',
  },
  {
    name: 'timeout',
    kind: 'seconds',
    placeholder: 'SECONDS',
    unit: 's',
    min: 0.001,
    max: 31_536_000,
    why: "this command's patience; a submitted job goes on",
  },
  { name: 'help', kind: 'flag', short: 'h', why: 'what this verb does and takes' },
  { name: 'version', kind: 'flag', why: 'the version' },
];
