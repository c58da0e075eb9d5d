/**
 * What the rules see of one file: its text, its syntax tree and its imports. Parsed once, with the
 * parser's own positions, so that no rule guesses at strings or comments.
 */
import { parseSync } from 'oxc-parser';

export interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

export interface Import {
  readonly specifier: string;
  /** Erased before running: `import type` and `export type`. */
  readonly typeOnly: boolean;
  readonly line: number;
}

export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly rule: string;
  readonly message: string;
}

export interface SourceFile {
  /** Relative to the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
  /** Undefined for files that are no TypeScript or JavaScript. */
  readonly program: SyntaxNode | undefined;
  readonly imports: readonly Import[];
  lineOf(offset: number): number;
}

const SCRIPT = /\.(?:ts|mts|js|mjs)$/;

export function parseSource(path: string, text: string): SourceFile {
  const lines = text.split('\n');
  const starts: number[] = [];
  for (let at = 0, i = 0; i < lines.length; at += lines[i]!.length + 1, i++) starts.push(at);
  const lineOf = (offset: number): number => {
    const after = starts.findIndex((start) => start > offset);
    return after === -1 ? starts.length : after;
  };
  if (!SCRIPT.test(path)) return { path, text, lines, program: undefined, imports: [], lineOf };
  const parsed = parseSync(path, text);
  const failure = parsed.errors[0];
  if (failure !== undefined) throw new Error(`${path}: ${failure.message}`);
  const program = parsed.program as unknown as SyntaxNode;
  const imports = [...nodesOf(program)].flatMap((node) => importOf(node, lineOf));
  return { path, text, lines, program, imports, lineOf };
}

function importOf(node: SyntaxNode, lineOf: (offset: number) => number): Import[] {
  const source = node.source as SyntaxNode | null | undefined;
  const isImport =
    node.type === 'ImportDeclaration' ||
    node.type === 'ExportNamedDeclaration' ||
    node.type === 'ExportAllDeclaration' ||
    node.type === 'ImportExpression' ||
    node.type === 'TSImportType';
  if (!isImport || source === null || source === undefined) return [];
  const value = source.value;
  if (typeof value !== 'string') return [];
  const typeOnly =
    node.type === 'TSImportType' || node.importKind === 'type' || node.exportKind === 'type';
  return [{ specifier: value, typeOnly, line: lineOf(node.start) }];
}

/** Every node of a tree, parents before children. */
export function* nodesOf(root: SyntaxNode): Generator<SyntaxNode> {
  yield root;
  for (const child of childrenOf(root)) yield* nodesOf(child);
}

export function childrenOf(node: SyntaxNode): SyntaxNode[] {
  const values = Object.values(node).flatMap((value) => (Array.isArray(value) ? value : [value]));
  return values.filter(isNode);
}

function isNode(value: unknown): value is SyntaxNode {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { type?: unknown }).type === 'string'
  );
}

/** `a.b.c` of a member chain made of plain names; undefined for anything else. */
export function dottedName(node: SyntaxNode): string | undefined {
  if (node.type === 'Identifier') return node.name as string;
  if (node.type === 'ThisExpression') return 'this';
  if (node.type !== 'MemberExpression' || node.computed === true) return undefined;
  const object = dottedName(node.object as SyntaxNode);
  return object === undefined ? undefined : `${object}.${(node.property as SyntaxNode).name}`;
}

export function finding(file: SourceFile, line: number, rule: string, message: string): Finding {
  return { path: file.path, line, rule, message };
}
