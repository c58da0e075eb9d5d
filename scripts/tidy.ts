/**
 * The rules of layout and style that no general tool checks (design, "Layout"; style.md). Each rule
 * is a function from files to findings in scripts/tidy/, with a planted violation in its test.
 *
 *   npm run tidy            the whole repository; exit 1 with one line per finding
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { checkLayout, checkVerifierReach } from './tidy/layout.ts';
import { checkPurity } from './tidy/purity.ts';
import { checkShape } from './tidy/shape.ts';
import { type Finding, parseSource, type SourceFile } from './tidy/source-file.ts';
import { checkWords } from './tidy/words.ts';

const TEXT = /\.(?:ts|mts|js|mjs|json|jsonc|md|cc|cpp|h|hpp|cu|sh|yml|yaml)$|^\.ci\/|Dockerfile$/;
/** Written by tools, or bytes for tests. */
const GENERATED = /^(?:package-lock\.json|test\/vectors\/.*\.json|LICENSE)$/;

/** All findings on a set of files; paths are relative to the repository. */
export function tidy(contents: ReadonlyMap<string, string>): Finding[] {
  const files = new Map<string, SourceFile>();
  for (const [name, text] of contents) files.set(name, parseSource(name, text));
  const findings = [...files.values()].flatMap((file) => [
    ...checkLayout(file),
    ...checkPurity(file),
    ...checkShape(file),
    ...checkWords(file),
  ]);
  return [...findings, ...checkVerifierReach(files)];
}

function main(): void {
  const root = path.dirname(import.meta.dirname);
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const names = execFileSync('git', list, { cwd: root, encoding: 'utf8' }).split('\0');
  const contents = new Map<string, string>();
  for (const name of names) {
    const file = path.join(root, name);
    if (!TEXT.test(name) || GENERATED.test(name) || !existsSync(file)) continue;
    contents.set(name, readFileSync(file, 'utf8'));
  }
  const findings = tidy(contents);
  for (const { path: file, line, rule, message } of findings) {
    console.error(`${file}:${line} ${rule}: ${message}`);
  }
  console.error(`tidy: ${contents.size} files, ${findings.length} findings`);
  process.exitCode = findings.length === 0 ? 0 : 1;
}

if (import.meta.main) main();
