/** Help text and docs/cli.md, both generated from the verb and option tables. */
import { flagOf, GLOBAL_OPTIONS, type OptionRow } from './option-table.ts';
import { formatTable } from './output.ts';
import type { VerbShape } from './parse-arguments.ts';

export interface DocumentedVerb extends VerbShape {
  readonly summary: string;
  /** An example line without `kadre`. */
  readonly example?: string;
}

/** `kadre --help`. */
export function overview(verbs: readonly DocumentedVerb[], version: string): string {
  const rows = verbs.map((verb) => [`  ${verb.name}`, verb.summary]);
  return [
    `kadre ${version}: a peer-to-peer compute network with certified results`,
    '',
    'usage: kadre <verb> [options]',
    '',
    ...formatTable(rows),
    '',
    'for every verb:',
    ...formatTable(GLOBAL_OPTIONS.map(optionCells)),
    '',
    '`kadre <verb> --help` explains one verb.',
    '',
  ].join('\n');
}

/** `kadre GROUP --help`: the verbs that begin with this word. */
export function groupHelp(group: string, verbs: readonly DocumentedVerb[]): string {
  const rows = verbs
    .filter(({ name }) => name.startsWith(`${group} `))
    .map((verb) => [`  ${usageLine(verb)}`, verb.summary]);
  return [...formatTable(rows), '', '`--help` after any of them explains it.', ''].join('\n');
}

/** `kadre VERB --help`. */
export function verbHelp(verb: DocumentedVerb): string {
  const lines = [`${verb.summary}`, '', `usage: ${usageLine(verb)}`, ''];
  if (verb.positionals.length > 0) {
    lines.push(...formatTable(verb.positionals.map((p) => [`  ${p.name}`, p.why])), '');
  }
  if (verb.options.length > 0) {
    lines.push('options:', ...formatTable(verb.options.map(optionCells)), '');
  }
  const shared = GLOBAL_OPTIONS.filter(({ name }) => !isOwn(verb, name));
  lines.push('for every verb:', ...formatTable(shared.map(optionCells)), '');
  if (verb.example !== undefined) lines.push(`example: kadre ${verb.example}`, '');
  return lines.join('\n');
}

export function usageLine(verb: VerbShape): string {
  const positionals = verb.positionals.map((p) => (p.optional ? `[${p.name}]` : p.name));
  const options = verb.options.length > 0 ? ['[options]'] : [];
  const inner = verb.innerCommand ? ['-- run KERNEL ...'] : [];
  return ['kadre', verb.name, ...positionals, ...options, ...inner].join(' ');
}

function optionCells(row: OptionRow): string[] {
  const short = row.short === undefined ? '' : `-${row.short}, `;
  return [`  ${short}--${flagOf(row)}${valuePart(row)}`, `${row.why}${boundsPart(row)}`];
}

function valuePart(row: OptionRow): string {
  return row.kind === 'flag' ? '' : ` ${row.placeholder ?? row.kind.toUpperCase()}`;
}

function boundsPart(row: OptionRow): string {
  const parts: string[] = [];
  if (row.choices !== undefined) parts.push(row.choices.join(' | '));
  if (row.min !== undefined || row.max !== undefined) {
    const unit = row.unit === undefined ? '' : ` ${row.unit}`;
    parts.push(`${row.min ?? ''} to ${row.max ?? ''}${unit}`);
  }
  if (row.default !== undefined && row.kind !== 'flag') parts.push(`default ${row.default}`);
  if (row.multiple) parts.push('repeatable');
  if (row.env !== undefined) parts.push(`env ${row.env}`);
  return parts.length === 0 ? '' : ` (${parts.join('; ')})`;
}

const EXITS = `| exit | meaning |
|---|---|
| 0 | done |
| 1 | a bug in this program |
| 2 | wrong usage, found locally: nothing was sent |
| 3 | not enough capable peers within \`--wait-peers\` |
| 4 | the job failed; \`error.code\` says why |
| 5 | \`--deadline\` or \`--timeout\` passed |
| 6 | a certificate or an output did not verify |
| 7 | a local resource is unusable: data directory, port, disk, node |
| 130 | interrupted; the job is cancelled, unless \`--detach-on-interrupt\` |

Every code with its exit: [errors.md](errors.md).
`;

const SETTINGS = `A setting is taken from the flag, else the environment variable, else
\`config.json\` in the data directory, else the default. Relative paths start at the caller's
folder (\`INIT_CWD\` when set, as npm does). With \`--json\` every verb prints one object with
\`"v":1\`; the schemas are \`node/schemas/VERB.json\`, and \`error.json\` for failures.

\`run\` goes through \`--api\` or \`--bootstrap\` when one is given, else through the node running
in \`--data\` (unless \`--network\` names another network than that node's), else as a client of
the network. A job that goes through a node goes on when \`--timeout\` passes; a client of its own
takes its job with it, unless it was detached. \`list\`, \`why\`, \`cancel\` and \`retry\` need
the node that submitted the job; \`describe\`, \`events\` and \`get\` find a job by its whole id
from anywhere in the swarm.
`;

const DATA_DIRECTORY = `## Data directory

| name | what |
|---|---|
| \`identity\` | the node's key, mode 0600; losing it makes another node |
| \`config.json\` | settings; the keys are the names of the flags of \`up\` |
| \`lock\` | held by the process that uses the directory |
| \`node.json\` | while a node runs: \`{v, pid, api, startedMs}\` |
| \`api-token\` | while a node runs: the bearer token of its API, mode 0600 |
| \`state.json\`, \`blobs\`, \`plans\` | the node's own: speeds, content, consensus logs |

A running node also leaves \`$XDG_RUNTIME_DIR/kadre/PORT.json\` (else \`~/.kadre/run/PORT.json\`),
mode 0600, so that \`--api URL\` alone finds its token. \`--token-file\` and \`KADRE_API_TOKEN\`
win over it.
`;

/** The whole of docs/cli.md. */
export function markdown(verbs: readonly DocumentedVerb[]): string {
  const sections = verbs.flatMap((verb) => [
    `## kadre ${verb.name}`,
    '',
    `${verb.summary}`,
    '',
    '```',
    usageLine(verb),
    ...(verb.example === undefined ? [] : [`kadre ${verb.example}`]),
    '```',
    '',
    ...verb.positionals.flatMap(({ name, why }) => [`\`${name}\`: ${why}.`, '']),
    ...optionTable(verb.options),
  ]);
  return [
    '# Command line',
    '',
    'Generated from the tables in `node/cli` by `npm run docs`; do not edit.',
    '',
    '## For every verb',
    '',
    ...optionTable(GLOBAL_OPTIONS),
    SETTINGS,
    '## Exit status',
    '',
    EXITS,
    ...sections,
    DATA_DIRECTORY,
  ].join('\n');
}

function optionTable(rows: readonly OptionRow[]): string[] {
  if (rows.length === 0) return [];
  const cell = (text: string) => text.replaceAll('|', '\\|');
  const lines = rows.map((row) => {
    const [flag, why] = optionCells(row) as [string, string];
    return `| \`${cell(flag.trim())}\` | ${cell(why)} |`;
  });
  return ['| flag | meaning |', '|---|---|', ...lines, ''];
}

/** A verb's own option hides the one for every verb. */
function isOwn({ options }: DocumentedVerb, name: string): boolean {
  return options.some((row) => row.name === name);
}
