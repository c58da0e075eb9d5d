/**
 * The part of JSON Schema 2020-12 that the published schemas use. A keyword outside it is an error,
 * so that no schema can ask for something that goes unchecked.
 */
import { readFileSync } from 'node:fs';

type Schema = Readonly<Record<string, unknown>>;

const IGNORED = ['$schema', '$id', 'title'];

/** The published schema of a verb's JSON. */
export function schemaOf(name: string): Schema {
  const url = new URL(`../../node/schemas/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(url, 'utf8')) as Schema;
}

/** Every way in which the value breaks the schema; empty when it fits. */
export function schemaProblems(schema: Schema, value: unknown, path = '$'): string[] {
  return Object.entries(schema).flatMap(([keyword, wanted]) => {
    if (IGNORED.includes(keyword)) return [];
    const check = KEYWORDS[keyword];
    if (check === undefined) throw new Error(`the schema uses ${keyword}, which is not checked`);
    return check(wanted, { value, path, schema });
  });
}

interface Place {
  readonly value: unknown;
  readonly path: string;
  readonly schema: Schema;
}

type Check = (wanted: unknown, place: Place) => string[];

const problem = ({ path, value }: Place, what: string): string[] => [
  `${path}: ${what}, not ${JSON.stringify(value)?.slice(0, 60)}`,
];

const KEYWORDS: Readonly<Record<string, Check>> = {
  type: (wanted, place) => {
    const types = Array.isArray(wanted) ? wanted : [wanted];
    return types.some((type) => isOfType(place.value, type)) ? [] : problem(place, `${types}`);
  },
  const: (wanted, place) => (place.value === wanted ? [] : problem(place, `must be ${wanted}`)),
  enum: (wanted, place) =>
    (wanted as unknown[]).includes(place.value) ? [] : problem(place, `one of ${wanted}`),
  pattern: (wanted, place) =>
    typeof place.value !== 'string' || new RegExp(String(wanted)).test(place.value)
      ? []
      : problem(place, `like ${wanted}`),
  minLength: (wanted, place) =>
    String(place.value).length >= Number(wanted) ? [] : problem(place, `longer`),
  maxLength: (wanted, place) =>
    String(place.value).length <= Number(wanted) ? [] : problem(place, `shorter`),
  minimum: (wanted, place) =>
    typeof place.value !== 'number' || place.value >= Number(wanted)
      ? []
      : problem(place, `at least ${wanted}`),
  maximum: (wanted, place) =>
    typeof place.value !== 'number' || place.value <= Number(wanted)
      ? []
      : problem(place, `at most ${wanted}`),
  maxItems: (wanted, place) =>
    !Array.isArray(place.value) || place.value.length <= Number(wanted)
      ? []
      : problem(place, `at most ${wanted} items`),
  items: (wanted, { value, path }) =>
    Array.isArray(value)
      ? value.flatMap((item, i) => schemaProblems(wanted as Schema, item, `${path}[${i}]`))
      : [],
  required: (wanted, place) =>
    (wanted as string[])
      .filter((key) => isObject(place.value) && !Object.hasOwn(place.value, key))
      .map((key) => `${place.path}: lacks ${key}`),
  properties: (wanted, { value, path }) =>
    Object.entries(wanted as Record<string, Schema>).flatMap(([key, schema]) =>
      isObject(value) && Object.hasOwn(value, key)
        ? schemaProblems(schema, value[key], `${path}.${key}`)
        : [],
    ),
  additionalProperties: (wanted, { value, path, schema }) => {
    if (!isObject(value)) return [];
    const known = Object.keys((schema.properties as object | undefined) ?? {});
    const others = Object.keys(value).filter((key) => !known.includes(key));
    if (wanted === false) return others.map((key) => `${path}: unknown key ${key}`);
    return others.flatMap((key) => schemaProblems(wanted as Schema, value[key], `${path}.${key}`));
  },
  anyOf: (wanted, { value, path }) => {
    const tries = (wanted as Schema[]).map((schema) => schemaProblems(schema, value, path));
    return tries.some((problems) => problems.length === 0) ? [] : tries.flat();
  },
};

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isOfType(value: unknown, type: unknown): boolean {
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  if (type === 'object') return isObject(value);
  if (type === 'integer') return Number.isInteger(value);
  return typeof value === type;
}
