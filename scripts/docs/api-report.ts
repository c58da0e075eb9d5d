/**
 * docs/api.md: every name that the package exports with its declaration, as the compiler emits it.
 * A change of the public interface is a change of this file, and so is seen in review.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseSync } from 'oxc-parser';
import { runChild } from '../test/child.ts';
import type { SyntaxNode } from '../tidy/source-file.ts';

/** Import path of the package, and the file behind it. */
const SURFACES = [
  { name: 'kadre', file: 'src/index' },
  { name: 'kadre/verify', file: 'src/verify' },
  { name: 'kadre/sim', file: 'src/sim' },
];

const INTRO = `# Public interface

Generated from the compiled declarations by \`npm run docs\`. Everything that a user of the package
can import; nothing else is public.
`;

export async function apiReport(root: string): Promise<string> {
  const present = SURFACES.filter(({ file }) => existsSync(path.join(root, `${file}.ts`)));
  if (present.length === 0) return INTRO;
  const out = mkdtempSync(path.join(os.tmpdir(), 'kadre-api-'));
  try {
    await emitDeclarations(root, out);
    const sections = present.map(({ name, file }) => {
      const exported = declarationsOf(path.join(out, `${file}.d.ts`));
      const names = [...exported.keys()].sort();
      const blocks = names.map((key) => `\`\`\`ts\n${exported.get(key)}\n\`\`\`\n`);
      return `\n## \`${name}\`\n\n${blocks.join('\n')}`;
    });
    return INTRO + sections.join('');
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

async function emitDeclarations(root: string, out: string): Promise<void> {
  const tsc = path.join(root, 'node_modules', '.bin', 'tsc');
  const args = ['-p', '.', '--noEmit', 'false', '--declaration', '--emitDeclarationOnly'];
  const target = ['--outDir', out, '--rootDir', root];
  const { end, output } = await runChild(tsc, [...args, ...target], {
    cwd: root,
    timeoutMs: 120_000,
  });
  if (end !== 'status 0') throw new Error(`declarations: tsc ended with ${end}\n${output}`);
}

/** Exported name to declaration text, following re-exports to where each name is declared. */
export function declarationsOf(file: string): Map<string, string> {
  const text = readFileSync(file, 'utf8');
  const program = parseSync(file, text).program as unknown as { body: SyntaxNode[] };
  const local = new Map<string, string>();
  const exported = new Map<string, string>();
  for (const node of program.body) {
    const declaration = (node.declaration ?? node) as SyntaxNode;
    for (const name of declaredNames(declaration)) {
      local.set(name, text.slice(node.start, node.end));
      if (declaration !== node) exported.set(name, withComment(text, node));
    }
  }
  for (const node of program.body) {
    const source = (node.source as { value?: string } | null | undefined)?.value;
    if (node.type === 'ExportAllDeclaration' && source !== undefined) {
      for (const [name, value] of declarationsOf(resolve(file, source))) exported.set(name, value);
    }
    if (node.type !== 'ExportNamedDeclaration' || node.declaration) continue;
    const from = source === undefined ? local : declarationsOf(resolve(file, source));
    for (const specifier of node.specifiers as SyntaxNode[]) {
      const name = nameOf(specifier.local as SyntaxNode);
      const alias = nameOf(specifier.exported as SyntaxNode);
      const value = from.get(name) ?? `export { ${name} } from '${source}';`;
      exported.set(alias, alias === name ? value : `// as ${alias}\n${value}`);
    }
  }
  return exported;
}

/** A relative import of emitted declarations; other packages' names are reported by name only. */
function resolve(file: string, source: string): string {
  return path.join(path.dirname(file), source.replace(/\.(?:js|ts)$/, '.d.ts'));
}

/** The declaration with the comment that stands right above it. */
function withComment(text: string, node: SyntaxNode): string {
  const before = text.slice(0, node.start);
  const comment = /\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n$/.exec(before)?.[0] ?? '';
  return comment + text.slice(node.start, node.end);
}

function declaredNames(node: SyntaxNode): string[] {
  if (node.type === 'VariableDeclaration') {
    return (node.declarations as SyntaxNode[]).map((one) => nameOf(one.id as SyntaxNode));
  }
  const id = node.id as SyntaxNode | null | undefined;
  return id === null || id === undefined ? [] : [nameOf(id)];
}

function nameOf(node: SyntaxNode): string {
  return String(node.name ?? node.value);
}
