/**
 * Reads the PTX text of our kernels, as nvcc and clang write it (PTX ISA, sections 4 and 5): entry
 * points with parameters, registers, shared variables and straight instructions. Anything else is
 * an error: an oracle must not guess.
 */
export interface Instruction {
  /** `@%p1` or `@!%p1`. */
  readonly guard?: { readonly register: string; readonly negated: boolean };
  /** `fma`. */
  readonly name: string;
  /** `rn`, `f32`. */
  readonly modifiers: readonly string[];
  readonly operands: readonly string[];
  /** As written, for messages. */
  readonly text: string;
}

export interface Entry {
  readonly name: string;
  /** In order; types are `u64`, `u32`, `f64`. */
  readonly parameters: readonly { readonly name: string; readonly type: string }[];
  /** Per prefix (`%f`): bits of each (1: predicate) and how many there are. */
  readonly registers: ReadonlyMap<string, { readonly bits: number; readonly count: number }>;
  readonly shared: readonly { readonly name: string; readonly bytes: number }[];
  readonly body: readonly Instruction[];
  /** Index into `body` of the instruction that follows. */
  readonly labels: ReadonlyMap<string, number>;
}

export interface PtxModule {
  readonly version: string;
  readonly target: string;
  readonly entries: ReadonlyMap<string, Entry>;
}

const ENTRY = /\.visible \.entry (\w+)\(([^)]*)\)([^{]*)\{([\s\S]*?)\n\}/g;
const LAUNCH_BOUNDS = /^(?:\s|\.maxntid [\d, ]+|\.minnctapersm \d+)*$/;

export function parsePtx(text: string): PtxModule {
  const plain = text.replaceAll(/\/\/[^\n]*/g, '');
  const version = one(/^\.version (\S+)$/m, plain);
  const target = one(/^\.target (\S+)$/m, plain);
  const entries = new Map<string, Entry>();
  for (const [, name, parameters, between, body] of plain.matchAll(ENTRY)) {
    if (!LAUNCH_BOUNDS.test(between!)) throw new Error(`ptx: unknown directive: ${between}`);
    entries.set(name!, parseEntry(name!, parameters!, body!));
  }
  const rest = plain
    .replaceAll(ENTRY, '')
    .replaceAll(/^\.(?:version|target|address_size).*$/gm, '');
  if (rest.trim() !== '') throw new Error(`ptx: outside of entries: ${rest.trim()}`);
  return { version, target, entries };
}

function one(pattern: RegExp, text: string): string {
  const found = pattern.exec(text);
  if (found === null) throw new Error(`ptx: nothing matches ${pattern}`);
  return found[1]!;
}

function parseEntry(name: string, parameters: string, text: string): Entry {
  const registers = new Map<string, { bits: number; count: number }>();
  const shared: { name: string; bytes: number }[] = [];
  const body: Instruction[] = [];
  const labels = new Map<string, number>();
  for (const piece of text.split(';')) {
    const { statement, found } = withoutLabels(piece);
    for (const label of found) labels.set(label, body.length);
    if (statement === '') continue;
    if (!statement.startsWith('.')) body.push(parseInstruction(statement));
    else if (!isDirective(statement, registers, shared)) {
      throw new Error(`ptx: unknown directive: ${statement}`);
    }
  }
  return { name, parameters: parseParameters(parameters), registers, shared, body, labels };
}

function parseParameters(text: string): Entry['parameters'] {
  const list = text.trim() === '' ? [] : text.split(',');
  return list.map((item) => {
    const [, type, name] =
      /^\.param \.(u64|u32|f64)(?: \.ptr[\w. ]*)? (\w+)$/.exec(item.trim()) ?? [];
    if (name === undefined) throw new Error(`ptx: unknown parameter: ${item}`);
    return { name, type: type! };
  });
}

function withoutLabels(piece: string): { statement: string; found: string[] } {
  const found: string[] = [];
  let statement = piece.trim();
  for (;;) {
    const label = /^([$\w]+):\s*/.exec(statement);
    if (label === null) return { statement, found };
    found.push(label[1]!);
    statement = statement.slice(label[0].length);
  }
}

const REGISTER_BITS: Readonly<Record<string, number>> = {
  pred: 1,
  b16: 16,
  b32: 32,
  f32: 32,
  b64: 64,
  f64: 64,
};

function isDirective(
  statement: string,
  registers: Map<string, { bits: number; count: number }>,
  shared: { name: string; bytes: number }[],
): boolean {
  const register = /^\.reg \.(\w+)\s+(%[a-z]+)<(\d+)>$/.exec(statement);
  if (register !== null) {
    const bits = REGISTER_BITS[register[1]!];
    if (bits === undefined) return false;
    registers.set(register[2]!, { bits, count: Number(register[3]) });
    return true;
  }
  const variable = /^\.shared \.align \d+ \.b8 (\w+)\[(\d+)\]$/.exec(statement);
  if (variable !== null) {
    shared.push({ name: variable[1]!, bytes: Number(variable[2]) });
    return true;
  }
  // An advice to the assembler.
  return /^\.pragma "nounroll"$/.test(statement);
}

function parseInstruction(text: string): Instruction {
  const parts = /^(?:@(!?)(%p\d+)\s+)?([a-z]\w*)((?:\.\w+)*)(?:\s+([\s\S]+))?$/.exec(text);
  if (parts === null) throw new Error(`ptx: no instruction: ${text}`);
  const [, negation, register, name, modifiers, operands = ''] = parts;
  return {
    ...(register === undefined ? {} : { guard: { register, negated: negation === '!' } }),
    name: name!,
    modifiers: modifiers!.split('.').slice(1),
    // Commas inside of {a, b, c, d} do not separate.
    operands: operands.match(/\{[^}]*\}|\[[^\]]*\]|[^,\s]+/g) ?? [],
    text,
  };
}
