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

/** `kadre VERB --help`. */
export function verbHelp(verb: DocumentedVerb): string {
  const lines = [`${verb.summary}`, '', `usage: ${usageLine(verb)}`, ''];
  if (verb.positionals.length > 0) {
    lines.push(...formatTable(verb.positionals.map((p) => [`  ${p.name}`, p.why])), '');
  }
  if (verb.options.length > 0) {
    lines.push('options:', ...formatTable(verb.options.map(optionCells)), '');
  }
  lines.push('for every verb:', ...formatTable(GLOBAL_OPTIONS.map(optionCells)), '');
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

/** The whole of docs/cli.md. */
export function markdown(verbs: readonly DocumentedVerb[], exits: readonly string[]): string {
  const sections = verbs.flatMap((verb) => [
    `## kadre ${verb.name}`,
    '',
    `${verb.summary}`,
    '',
    '```',
    usageLine(verb),
    '```',
    '',
    ...optionTable(verb.options),
  ]);
  return [
    '# Command line',
    '',
    'Generated from the option tables by `scripts/docs-cli.ts`; do not edit.',
    '',
    '## For every verb',
    '',
    ...optionTable(GLOBAL_OPTIONS),
    'A setting is taken from the flag, else the environment variable, else `config.json` in the',
    "data directory, else the default. Relative paths start at the caller's folder (`INIT_CWD`",
    'when set, as npm does).',
    '',
    '## Exit status',
    '',
    ...exits,
    '',
    ...sections,
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
