/**
 * How files look: size, names, headers (style.md, "Names", "Size", "Comments"). The limits are a
 * little above the style's "about", so that the check stops growth and not a good line break.
 */
import path from 'node:path';
import {
  dottedName,
  type Finding,
  finding,
  nodesOf,
  type SourceFile,
  type SyntaxNode,
} from './source-file.ts';

export const FILE_LINES_MAX = 450;
export const FUNCTION_LINES_MAX = 66;
export const LINE_COLUMNS_MAX = 100;
export const PARAMETERS_MAX = 4;

const BANNED_WORDS = /(?:^|[-_./])(?:utils?|helpers?|common|managers?)(?=$|[-_./])/;
const BANNED_SUFFIX = /(?:Utils?|Helpers?|Common|Managers?)$/;
const FUNCTIONS = new Set([
  'FunctionDeclaration',
  'FunctionExpression',
  'ArrowFunctionExpression',
  'TSDeclareFunction',
]);
const CODE = /^(?:src|node|scripts|test|examples)\/.*\.(?:ts|mjs|cc|cpp|h|hpp|cu)$/;

export function checkShape(file: SourceFile): Finding[] {
  if (!CODE.test(file.path)) return [];
  const findings = [...checkName(file), ...checkSize(file), ...checkHeader(file)];
  if (file.program !== undefined) findings.push(...checkFunctions(file, file.program));
  return findings;
}

function checkName(file: SourceFile): Finding[] {
  const findings: Finding[] = [];
  const name = path.posix.basename(file.path).replace(/\.[a-z.]+$/, '');
  const isScript = file.program !== undefined;
  if (isScript && !/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name)) {
    findings.push(finding(file, 1, 'name', `${name} is not kebab-case`));
  }
  if (BANNED_WORDS.test(file.path)) {
    findings.push(finding(file, 1, 'name', 'utils, helpers, common and manager name nothing'));
  }
  for (const node of file.program === undefined ? [] : nodesOf(file.program)) {
    const identifier = node.type === 'ClassDeclaration' ? (node.id as SyntaxNode | null) : null;
    if (identifier !== null && BANNED_SUFFIX.test(identifier.name as string)) {
      findings.push(
        finding(file, file.lineOf(node.start), 'name', `${identifier.name} names nothing`),
      );
    }
  }
  return findings;
}

function checkSize(file: SourceFile): Finding[] {
  const findings: Finding[] = [];
  const count = file.text.endsWith('\n') ? file.lines.length - 1 : file.lines.length;
  if (count > FILE_LINES_MAX) {
    findings.push(finding(file, count, 'size', `${count} lines, at most ${FILE_LINES_MAX}`));
  }
  file.lines.forEach((line, index) => {
    // A long text or address cannot be broken without hiding it from a search.
    const isLongText = /https?:\/\/\S{60,}|(['"`])(?:(?!\1).){60,}\1/.test(line);
    if (line.length > LINE_COLUMNS_MAX && !isLongText) {
      findings.push(finding(file, index + 1, 'size', `over ${LINE_COLUMNS_MAX} columns`));
    }
  });
  return findings;
}

/** Every source file begins by saying what it decides. */
function checkHeader(file: SourceFile): Finding[] {
  if (file.path.startsWith('test/')) return [];
  const text = file.text.replace(/^#![^\n]*\n/, '');
  const header = /^(?:\/\*\*?([\s\S]*?)\*\/|((?:\/\/[^\n]*\n)+))/.exec(text);
  const words = (header?.[1] ?? header?.[2] ?? '').replace(/[\s*/]+/g, ' ').trim();
  return words.length >= 30
    ? []
    : [finding(file, 1, 'header', 'no header comment that says what this file decides')];
}

function checkFunctions(file: SourceFile, program: SyntaxNode): Finding[] {
  const findings: Finding[] = [];
  for (const node of nodesOf(program)) {
    if (!FUNCTIONS.has(node.type)) continue;
    const line = file.lineOf(node.start);
    const length = file.lineOf(node.end) - line + 1;
    if (length > FUNCTION_LINES_MAX && !(file.path.startsWith('test/') && isSuite(node))) {
      const message = `a function of ${length} lines, at most ${FUNCTION_LINES_MAX}`;
      findings.push(finding(file, line, 'size', message));
    }
    const parameters = parameterCount(node);
    if (parameters > PARAMETERS_MAX) {
      const message = `${parameters} positional parameters, at most ${PARAMETERS_MAX}`;
      findings.push(finding(file, line, 'size', message));
    }
  }
  return findings;
}

function parameterCount(node: SyntaxNode): number {
  const parameters = node.params as SyntaxNode[] | { items?: SyntaxNode[] } | undefined;
  if (Array.isArray(parameters)) {
    return parameters.filter((one) => !(one.type === 'Identifier' && one.name === 'this')).length;
  }
  return parameters?.items?.length ?? 0;
}

/** A function that declares tests is a list of functions, not one. */
function isSuite(node: SyntaxNode): boolean {
  return [...nodesOf(node.body as SyntaxNode)].some((inner) => {
    const name = inner.type === 'CallExpression' && dottedName(inner.callee as SyntaxNode);
    return name === 'test' || name === 'it' || name === 'describe' || name === 'suite';
  });
}
