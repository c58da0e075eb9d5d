/**
 * Who may touch time, chance and the event loop. Decisions are pure functions; the consensus core
 * has not even a promise in it (design, "Layout"; style.md, "Time and chance").
 */
import { folderOf } from './layout.ts';
import {
  dottedName,
  type Finding,
  finding,
  nodesOf,
  type SourceFile,
  type SyntaxNode,
} from './source-file.ts';

/** Where the clock and random ports are made. */
const CLOCK_FOLDERS = ['base', 'net', 'sim', 'sdk'];
const CLOCK_FILES = ['src/crypto/node/system-ports.ts'];

/** The impure files of the consensus folder: they reach the world through ports. */
const CONSENSUS_IMPURE = /^src\/consensus\/(?:driver|recovery|sync-[a-z0-9-]+)\.ts$/;

const CHANCE_AND_TIME = new Set(['Math.random', 'Date.now', 'performance.now', 'process.hrtime']);

/** Names that a pure file must not mention as values. */
const IMPURE_NAMES = new Set([
  'Date',
  'Promise',
  'performance',
  'process',
  'globalThis',
  'crypto',
  'fetch',
  'console',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
]);

export function checkPurity(file: SourceFile): Finding[] {
  const { program, path } = file;
  if (program === undefined) return [];
  const findings = path.startsWith('src/') ? checkClock(file, program) : [];
  const isPureConsensus = path.startsWith('src/consensus/') && !CONSENSUS_IMPURE.test(path);
  if (isPureConsensus) findings.push(...checkPure(file, program));
  if (/^(?:src|node)\//.test(path) && path !== 'node/main.ts') {
    findings.push(...checkExit(file, program));
  }
  return findings;
}

function checkClock(file: SourceFile, program: SyntaxNode): Finding[] {
  const folder = folderOf(file.path);
  if (folder !== undefined && CLOCK_FOLDERS.includes(folder)) return [];
  if (CLOCK_FILES.includes(file.path)) return [];
  return [...nodesOf(program)].flatMap((node) => {
    const name = node.type === 'MemberExpression' ? dottedName(node) : undefined;
    const isClock = name !== undefined && CHANCE_AND_TIME.has(name);
    const isDate = node.type === 'NewExpression' && dottedName(callee(node)) === 'Date';
    if (!isClock && !isDate) return [];
    const what = isDate ? 'new Date' : name;
    return [
      finding(file, file.lineOf(node.start), 'clock', `${what}: time and chance come by ports`),
    ];
  });
}

function checkPure(file: SourceFile, program: SyntaxNode): Finding[] {
  const findings: Finding[] = [];
  const add = (node: SyntaxNode, what: string) =>
    findings.push(finding(file, file.lineOf(node.start), 'pure', `${what} in a pure file`));
  for (const entry of file.imports) {
    if (entry.specifier.startsWith('node:')) {
      findings.push(finding(file, entry.line, 'pure', `${entry.specifier} in a pure file`));
    }
  }
  for (const node of nodesOf(program)) {
    if (node.async === true) add(node, 'async');
    else if (node.type === 'AwaitExpression') add(node, 'await');
    else if (dottedName(node) === 'Math.random') add(node, 'Math.random');
  }
  for (const node of valueNames(program)) add(node, String(node.name));
  return findings;
}

/** Impure globals used as values; property names and types are no use of the global. */
function valueNames(program: SyntaxNode): SyntaxNode[] {
  const found: SyntaxNode[] = [];
  const visit = (node: SyntaxNode): void => {
    if (/^TS(?:Type|Interface|Property|Method|Qualified)/.test(node.type)) return;
    if (node.type === 'Identifier' && IMPURE_NAMES.has(node.name as string)) found.push(node);
    for (const [field, value] of Object.entries(node)) {
      const isName = (field === 'property' || field === 'key') && node.computed !== true;
      if (isName) continue;
      for (const child of Array.isArray(value) ? value : [value]) {
        if (typeof child?.type === 'string') visit(child);
      }
    }
  };
  visit(program);
  return found;
}

function checkExit(file: SourceFile, program: SyntaxNode): Finding[] {
  return [...nodesOf(program)].flatMap((node) =>
    node.type === 'CallExpression' && dottedName(callee(node)) === 'process.exit'
      ? [finding(file, file.lineOf(node.start), 'exit', 'process.exit outside node/main.ts')]
      : [],
  );
}

function callee(node: SyntaxNode): SyntaxNode {
  return node.callee as SyntaxNode;
}
