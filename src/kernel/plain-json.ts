/**
 * The part of JSON that file headers use: one object of objects, texts, and lists of whole numbers.
 * Repeated keys are refused, which `JSON.parse` would let the last one win; so are fractions, other
 * kinds of values and deep nesting (RFC 8259, read strictly).
 */
export type PlainJson = string | number | readonly PlainJson[] | Map<string, PlainJson>;

const DEPTH_MAX = 4;

/** The object, or undefined for anything else. Spaces may follow it, nothing may come before. */
export function parsePlainJson(bytes: Uint8Array): Map<string, PlainJson> | undefined {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
  const reader = new Reader(text);
  const value = text.startsWith('{') ? reader.value(0) : undefined;
  return value instanceof Map && reader.isAtEnd() ? value : undefined;
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  isAtEnd(): boolean {
    return this.#match(/[ \t\r\n]*$/y) !== undefined && this.#at === this.#text.length;
  }

  value(depth: number): PlainJson | undefined {
    if (depth > DEPTH_MAX) return undefined;
    this.#match(/[ \t\r\n]*/y);
    const first = this.#text[this.#at];
    if (first === '{') return this.#object(depth);
    if (first === '[') return this.#list(depth);
    if (first === '"') return this.#string();
    const digits = this.#match(/(?:0|[1-9]\d{0,15})(?![\d.eE])/y);
    return digits !== undefined && Number.isSafeInteger(Number(digits))
      ? Number(digits)
      : undefined;
  }

  #object(depth: number): Map<string, PlainJson> | undefined {
    const object = new Map<string, PlainJson>();
    this.#at += 1;
    if (this.#take('}')) return object;
    for (;;) {
      this.#match(/[ \t\r\n]*/y);
      const key = this.#string();
      if (key === undefined || object.has(key) || !this.#take(':')) return undefined;
      const value = this.value(depth + 1);
      if (value === undefined) return undefined;
      object.set(key, value);
      if (this.#take('}')) return object;
      if (!this.#take(',')) return undefined;
    }
  }

  #list(depth: number): PlainJson[] | undefined {
    const list: PlainJson[] = [];
    this.#at += 1;
    if (this.#take(']')) return list;
    for (;;) {
      const value = this.value(depth + 1);
      if (value === undefined) return undefined;
      list.push(value);
      if (this.#take(']')) return list;
      if (!this.#take(',')) return undefined;
    }
  }

  /** Escapes are JSON's; the pattern has no nested repetition. */
  #string(): string | undefined {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: JSON texts hold none
    const quoted = this.#match(/"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y);
    return quoted === undefined ? undefined : (JSON.parse(quoted) as string);
  }

  #take(character: string): boolean {
    this.#match(/[ \t\r\n]*/y);
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }
}
