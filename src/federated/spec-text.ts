/**
 * The text form that rules and optimisers share: `name:key=value,key=value`, joined by `+`
 * (docs/protocol/federated-rules.md, section 10). A table says what a name takes; the parser reads
 * it and the printer writes the one canonical spelling from it.
 */
import { nearestName } from '../base/nearest-name.ts';
import { accept, type Checked, refuse } from '../base/verdict.ts';
import { formatDecimal, parseDecimal } from './decimal.ts';

export interface Argument {
  readonly key: string;
  /** A decimal's value is in billionths, bounds and default too. */
  readonly kind: 'integer' | 'decimal';
  readonly min: number;
  readonly max: number;
  /** Without one the argument is required. */
  readonly default?: number | string;
  /** A word that may stand in place of a number. */
  readonly word?: string;
}

export type SpecTable = Readonly<Record<string, readonly Argument[]>>;

/** One `name:...`: its name and every argument of the table, defaults filled in. */
export type Spec = { readonly name: string } & Readonly<Record<string, number | string>>;

export const SPEC_CHARACTERS_MAX = 512;

const bad = (detail: string) => refuse('bad-spec', 'reject', detail);

/** Reason `bad-spec`, with a detail that names the nearest known word where there is one. */
export function parseSpecs(text: string, table: SpecTable): Checked<Spec[]> {
  if (text.length > SPEC_CHARACTERS_MAX) return bad(`over ${SPEC_CHARACTERS_MAX} characters`);
  const specs: Spec[] = [];
  for (const part of text.split('+')) {
    const spec = parseSpec(part, table);
    if (!spec.ok) return spec;
    specs.push(spec.value);
  }
  return accept(specs);
}

function parseSpec(text: string, table: SpecTable): Checked<Spec> {
  const colon = text.indexOf(':');
  const name = colon === -1 ? text : text.slice(0, colon);
  if (!Object.hasOwn(table, name)) {
    const near = nearestName(name, Object.keys(table));
    return bad(`unknown name "${name}"${near === undefined ? '' : `; did you mean ${near}?`}`);
  }
  const known = table[name]!;
  const given = new Map<string, number | string>();
  const texts = colon === -1 ? [] : text.slice(colon + 1).split(',');
  for (const [place, one] of texts.entries()) {
    const equals = one.indexOf('=');
    const key = equals === -1 ? known[place]?.key : one.slice(0, equals);
    const argument = known.find((candidate) => candidate.key === key);
    if (argument === undefined) return bad(`${name} takes no argument "${one}"`);
    if (given.has(argument.key)) return bad(`${name}: ${argument.key} is given twice`);
    const value = argumentValue(one.slice(equals + 1), argument);
    if (value === undefined) return bad(`${name}: ${argument.key} must be ${rangeOf(argument)}`);
    given.set(argument.key, value);
  }
  const missing = known.find((one) => one.default === undefined && !given.has(one.key));
  if (missing !== undefined) return bad(`${name} needs ${missing.key}, ${rangeOf(missing)}`);
  const values = known.map(({ key, default: fallback }) => [key, given.get(key) ?? fallback!]);
  return accept({ name, ...Object.fromEntries(values) } as Spec);
}

function argumentValue(text: string, argument: Argument): number | string | undefined {
  if (argument.word !== undefined && text === argument.word) return text;
  const isInteger = argument.kind === 'integer' && /^(?:0|[1-9]\d{0,8})$/.test(text);
  const value = isInteger
    ? Number(text)
    : argument.kind === 'decimal'
      ? parseDecimal(text)
      : undefined;
  const isInside = value !== undefined && value >= argument.min && value <= argument.max;
  return isInside ? value : undefined;
}

function rangeOf({ kind, min, max, word }: Argument): string {
  const show = (bound: number) => (kind === 'decimal' ? formatDecimal(bound) : String(bound));
  const range = `a ${kind === 'decimal' ? 'decimal' : 'whole number'} ${show(min)}..${show(max)}`;
  return word === undefined ? range : `${word} or ${range}`;
}

/** The canonical text: every argument, by key, in the table's order. */
export function formatSpecs(specs: readonly Spec[], table: SpecTable): string {
  return specs.map((spec) => formatSpec(spec, table)).join('+');
}

function formatSpec(spec: Spec, table: SpecTable): string {
  const values = table[spec.name]!.map(({ key, kind }) => {
    const value = spec[key]!;
    return `${key}=${kind === 'decimal' && typeof value === 'number' ? formatDecimal(value) : value}`;
  });
  return values.length === 0 ? spec.name : `${spec.name}:${values.join(',')}`;
}
