/**
 * The dictionary in a `.npy` header: a Python literal with exactly the keys `descr`,
 * `fortran_order` and `shape`, in any order, padded with spaces, ended by a newline. Nothing else
 * of Python's syntax is understood (numpy.lib.format, "Format Version 1.0").
 */
export interface NpyHeaderFields {
  /** Undefined for anything that is not a plain text, such as a structured type's list. */
  readonly descr: string | undefined;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Reads one header once. */
export class NpyHeaderReader {
  readonly #text: string;
  #at = 0;

  /** `bytes` at most some ten thousand: the caller bounds them. */
  constructor(bytes: Uint8Array) {
    // Versions 1 and 2 are Latin-1, 3 is UTF-8; whatever is not ASCII is refused by the grammar.
    let text = '';
    for (const byte of bytes) text += String.fromCharCode(byte);
    this.#text = text;
  }

  /** The fields, or undefined when the header is anything but one such dictionary. */
  read(): NpyHeaderFields | undefined {
    if (!/^[^\n]*\n$/.test(this.#text) || !this.#take('{')) return undefined;
    const fields: Partial<Mutable<NpyHeaderFields>> = {};
    while (!this.#take('}')) {
      const key = this.#quoted();
      if (key === undefined || !this.#take(':') || !this.#field(key, fields)) return undefined;
      if (!this.#take(',')) {
        if (!this.#take('}')) return undefined;
        break;
      }
    }
    const isAtEnd = /^ *\n$/.test(this.#text.slice(this.#at));
    const { fortranOrder, shape } = fields;
    if (!isAtEnd || fortranOrder === undefined || shape === undefined) return undefined;
    return Object.hasOwn(fields, 'descr')
      ? { descr: fields.descr, fortranOrder, shape }
      : undefined;
  }

  /** False for an unknown key, a repeated one, or a malformed value. */
  #field(key: string, fields: Partial<Mutable<NpyHeaderFields>>): boolean {
    switch (key) {
      case 'descr': {
        if (Object.hasOwn(fields, 'descr')) return false;
        fields.descr = this.#quoted();
        return fields.descr !== undefined || this.#structured();
      }
      case 'fortran_order': {
        if (fields.fortranOrder !== undefined) return false;
        const word = this.#match(/True|False/y);
        if (word === undefined) return false;
        fields.fortranOrder = word === 'True';
        return true;
      }
      case 'shape': {
        if (fields.shape !== undefined) return false;
        const shape = this.#tuple();
        if (shape === undefined) return false;
        fields.shape = shape;
        return true;
      }
      default:
        return false;
    }
  }

  /** Skips a structured type's list, so that it is called unsupported rather than malformed. */
  #structured(): boolean {
    return this.#match(/\[[ ,'"()[\]<>|=\w]*\](?= *[,}])/y) !== undefined;
  }

  /** `()`, `(3,)`, `(2, 3)`, `(2, 3,)`: a tuple of whole numbers. */
  #tuple(): number[] | undefined {
    const tuple = this.#match(/\((?: *(?:0|[1-9]\d{0,15}) *,)*(?: *(?:0|[1-9]\d{0,15}))? *\)/y);
    if (tuple === undefined || /^\( *\d+ *\)$/.test(tuple)) return undefined;
    const extents = (tuple.match(/\d+/g) ?? []).map(Number);
    return extents.every(Number.isSafeInteger) ? extents : undefined;
  }

  #quoted(): string | undefined {
    return this.#match(/'[^'"\\]*'|"[^'"\\]*"/y)?.slice(1, -1);
  }

  #take(character: string): boolean {
    this.#match(/ +/y);
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  /** What a sticky pattern matches here, after any spaces. */
  #match(pattern: RegExp): string | undefined {
    while (this.#text[this.#at] === ' ') this.#at += 1;
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }
}
