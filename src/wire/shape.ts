/**
 * Shapes: what a decoded value must look like, with a bound on everything a peer can grow. A shape
 * only inspects; it never converts, so what passed is exactly what was hashed.
 */
export interface Problem {
  readonly path: string;
  readonly why: string;
}

export interface Shape<T> {
  (value: unknown, path: string): Problem | undefined;
  /** Phantom: carries the type; never set. */
  readonly type?: T;
}

export type Infer<S> = S extends Shape<infer T> ? T : never;

const wrong = (path: string, why: string): Problem => ({ path, why });

/** An integer within bounds; the default maximum is 2^53 - 1. */
export function integer(min = 0, max = Number.MAX_SAFE_INTEGER): Shape<number> {
  return (value, path) =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max
      ? undefined
      : wrong(path, `not an integer in ${min}..${max}`);
}

export function text(charactersMax: number, pattern?: RegExp): Shape<string> {
  return (value, path) => {
    if (typeof value !== 'string') return wrong(path, 'not text');
    if (value.length > charactersMax) return wrong(path, `over ${charactersMax} characters`);
    return pattern === undefined || pattern.test(value) ? undefined : wrong(path, 'bad text');
  };
}

export function oneOf<const T extends string | number | boolean>(...values: T[]): Shape<T> {
  const set = new Set<unknown>(values);
  return (value, path) => (set.has(value) ? undefined : wrong(path, `not one of ${values}`));
}

export const boolean: Shape<boolean> = (value, path) =>
  typeof value === 'boolean' ? undefined : wrong(path, 'not a boolean');

/** A byte string of exactly `length` bytes. */
export function bytes(length: number): Shape<Uint8Array> {
  return (value, path) =>
    value instanceof Uint8Array && value.length === length
      ? undefined
      : wrong(path, `not ${length} bytes`);
}

/** A byte string whose length is a multiple of `unit`, at most `bytesMax`. */
export function bytesUpTo(bytesMax: number, unit = 1): Shape<Uint8Array> {
  return (value, path) =>
    value instanceof Uint8Array && value.length <= bytesMax && value.length % unit === 0
      ? undefined
      : wrong(path, `not at most ${bytesMax} bytes in units of ${unit}`);
}

export function list<T>(item: Shape<T>, itemsMax: number, itemsMin = 0): Shape<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) return wrong(path, 'not a list');
    if (value.length < itemsMin || value.length > itemsMax) {
      return wrong(path, `not ${itemsMin}..${itemsMax} items`);
    }
    for (let i = 0; i < value.length; i++) {
      const problem = item(value[i], `${path}[${i}]`);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
}

/** A map with text keys that are data, not fields. */
export function dictionary<T>(
  item: Shape<T>,
  entriesMax: number,
): Shape<Readonly<Record<string, T>>> {
  return (value, path) => {
    if (!isPlainMap(value)) return wrong(path, 'not a map');
    const entries = Object.entries(value);
    if (entries.length > entriesMax) return wrong(path, `over ${entriesMax} entries`);
    for (const [key, entry] of entries) {
      const problem = item(entry, `${path}.${key}`);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
}

/** Marks a struct field that may be absent; absence is the only way to say "none". */
export interface OptionalField<T> {
  readonly optional: Shape<T>;
}

export function optional<T>(shape: Shape<T>): OptionalField<T> {
  return { optional: shape };
}

type Fields = Readonly<Record<string, Shape<unknown> | OptionalField<unknown>>>;
type RequiredKeys<F> = { [K in keyof F]: F[K] extends OptionalField<unknown> ? never : K }[keyof F];
type OptionalKeys<F> = Exclude<keyof F, RequiredKeys<F>>;
export type StructOf<F> = {
  readonly [K in RequiredKeys<F>]: F[K] extends Shape<infer T> ? T : never;
} & {
  readonly [K in OptionalKeys<F>]?: F[K] extends OptionalField<infer T> ? T : never;
};

/** A map with exactly these fields: unknown ones are refused. */
export function struct<const F extends Fields>(fields: F): Shape<StructOf<F>> {
  const names = Object.keys(fields);
  return (value, path) => {
    if (!isPlainMap(value)) return wrong(path, 'not a map');
    for (const name of names) {
      const field = fields[name]!;
      const present = Object.hasOwn(value, name);
      if (typeof field !== 'function' && !present) continue;
      if (!present) return wrong(`${path}.${name}`, 'missing');
      const shape = typeof field === 'function' ? field : field.optional;
      const problem = shape(value[name], `${path}.${name}`);
      if (problem !== undefined) return problem;
    }
    for (const name of Object.keys(value)) {
      if (!Object.hasOwn(fields, name)) return wrong(`${path}.${name}`, 'unknown field');
    }
    return undefined;
  };
}

/** One of several structs, told apart by a text field. */
export function variant<K extends string, const V extends Readonly<Record<string, Shape<unknown>>>>(
  tag: K,
  variants: V,
): Shape<{ [N in keyof V]: Infer<V[N]> }[keyof V]> {
  return (value, path) => {
    if (!isPlainMap(value)) return wrong(path, 'not a map');
    const name = value[tag];
    if (typeof name !== 'string' || !Object.hasOwn(variants, name)) {
      return wrong(`${path}.${tag}`, 'unknown variant');
    }
    return variants[name]!(value, path);
  };
}

/** A decoded map and nothing else: lists, byte strings and links are objects of other classes. */
function isPlainMap(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
  );
}
