/**
 * Which declarations of the sources decode something from outside, found by how they look and not
 * by a list, so that a new decoder cannot stay out of the fuzzer unnoticed. A decoder is
 *
 * - an exported function named decode…, parse…, scan…, unpack…, open…, read… or check… that takes
 *   bytes, a stream of bytes or a text; or
 * - any top-level function or class that parses raw bytes itself: canonical encoding, JSON, fields
 *   of a data view.
 */
import { globSync, readFileSync } from 'node:fs';
import { nodesOf, parseSource, type SyntaxNode } from '../../../scripts/tidy/source-file.ts';

const ROOT = new URL('../../../', import.meta.url);
const NAMED = /^(?:decode|parse|scan|unpack|open|read|check)[A-Z]/;
const TAKEN = /:\s*(?:readonly\s+)?(?:Uint8Array|string(?:\s*\|\s*undefined)?|AsyncIterable<)/;
const PARSES =
  /\bdecodeCanonical\b|\b(?:decode|JSON\.parse|parseJson(?:<\w+>)?)\(|\.get(?:Uint|Int|Float)\d+\(/;

/** Names like `swarm/check-advert.ts: decodeAdvert`, sorted; `node/…` keeps its folder's name. */
export function findDecoders(): string[] {
  const files = ['src', 'node'].flatMap((folder) =>
    globSync(`${folder}/**/*.ts`, { cwd: ROOT }).filter((file) => !file.endsWith('.d.ts')),
  );
  return files
    .flatMap((file) => decodersOf(file, readFileSync(new URL(file, ROOT), 'utf8')))
    .sort();
}

export function decodersOf(file: string, text: string): string[] {
  const { program } = parseSource(file, text);
  const statements = (program?.body ?? []) as SyntaxNode[];
  return statements.flatMap((statement) => {
    const isExported = statement.type === 'ExportNamedDeclaration';
    const declared = (isExported ? statement.declaration : statement) as SyntaxNode | null;
    return declarationsOf(declared)
      .filter(({ name, node }) => {
        const source = text.slice(node.start, node.end);
        return (isExported && NAMED.test(name) && takesBytes(node, text)) || PARSES.test(source);
      })
      .map(({ name }) => `${file.replace(/^src\//, '')}: ${name}`);
  });
}

interface Declaration {
  readonly name: string;
  readonly node: SyntaxNode;
}

function declarationsOf(node: SyntaxNode | null): Declaration[] {
  if (node?.type === 'FunctionDeclaration' || node?.type === 'ClassDeclaration') {
    return [{ name: (node.id as unknown as { name: string }).name, node }];
  }
  if (node?.type !== 'VariableDeclaration') return [];
  return (node.declarations as SyntaxNode[]).map((declarator) => ({
    name: (declarator.id as unknown as { name: string }).name,
    node: declarator,
  }));
}

/** One of the parameters of the function itself, not of one inside it. */
function takesBytes(node: SyntaxNode, text: string): boolean {
  const [own] = [...nodesOf(node)].filter((each) => Array.isArray(each.params));
  const parameters = (own?.params ?? []) as SyntaxNode[];
  return parameters.some(({ start, end }) => TAKEN.test(text.slice(start, end)));
}
