/**
 * What must not be said: unfinished work, machine paths; and what must not be done in tests:
 * leaving some out, sleeping for a fixed time (style.md, "Tests").
 */
import {
  dottedName,
  type Finding,
  finding,
  nodesOf,
  type SourceFile,
  type SyntaxNode,
} from './source-file.ts';

interface BannedText {
  readonly rule: string;
  readonly pattern: RegExp;
  readonly why: string;
}

// Written with a class of one letter so that this file does not contain what it looks for.
const BANNED: readonly BannedText[] = [
  {
    rule: 'unfinished',
    pattern: /\b(?:T[O]DO|F[I]XME|X[X]X|H[A]CK)\b/,
    why: 'finish it, or file an issue',
  },
  { rule: 'unfinished', pattern: /\bnot i[m]plemented\b/i, why: 'finish it, or leave it out' },
  {
    rule: 'machine-path',
    pattern: /(?:^|[\s"'`(=:])\/(?:h[o]me|r[o]ot|w[o]rk|Users)\/[\w.-]+/,
    why: 'a path of one machine',
  },
  {
    rule: 'machine-path',
    pattern: /\/t[m]p\/[\w.-]/,
    why: 'ask the system for its temporary folder',
  },
];

const LEFT_OUT = new Set(['only', 'skip', 'todo']);
const TEST_CALLS = new Set(['test', 'it', 'describe', 'suite', 't.test', 't']);

export function checkWords(file: SourceFile): Finding[] {
  const findings = file.lines.flatMap((line, index) =>
    BANNED.filter((banned) => banned.pattern.test(line)).map((banned) =>
      finding(file, index + 1, banned.rule, banned.why),
    ),
  );
  // A benchmark may wait: how a node is after ten idle seconds is what it measures.
  const isTest = file.path.startsWith('test/') && !file.path.startsWith('test/bench/');
  if (isTest && file.program !== undefined) findings.push(...checkTests(file, file.program));
  return findings;
}

function checkTests(file: SourceFile, program: SyntaxNode): Finding[] {
  const findings: Finding[] = [];
  for (const entry of file.imports) {
    if (entry.specifier === 'node:timers/promises') {
      findings.push(finding(file, entry.line, 'sleep', 'wait for an event with a deadline'));
    }
  }
  // Left out with a visible line: device tests without a device, browser tests without a browser, a
  // full disk without the right to mount one.
  const mayLeaveOut = /^test\/(?:gpu\/|browser\/|e2e\/full-disk\.test\.ts$)/.test(file.path);
  for (const node of nodesOf(program)) {
    const line = file.lineOf(node.start);
    if (isSleep(node)) {
      findings.push(finding(file, line, 'sleep', 'wait for an event with a deadline'));
    }
    if (node.type !== 'CallExpression' || mayLeaveOut) continue;
    const word = leftOut(node);
    if (word !== undefined) {
      findings.push(finding(file, line, 'left-out', `${word}: every test runs`));
    }
  }
  return findings;
}

/** `test.only(...)`, `it(name, { skip: true }, ...)`. */
function leftOut(call: SyntaxNode): string | undefined {
  const name = dottedName(call.callee as SyntaxNode);
  if (name === undefined) return undefined;
  const parts = name.split('.');
  const last = parts.at(-1)!;
  if (parts.length > 1 && LEFT_OUT.has(last) && TEST_CALLS.has(parts.slice(0, -1).join('.'))) {
    return name;
  }
  if (!TEST_CALLS.has(name)) return undefined;
  for (const argument of call.arguments as SyntaxNode[]) {
    if (argument.type !== 'ObjectExpression') continue;
    for (const property of argument.properties as SyntaxNode[]) {
      const key = property.key as SyntaxNode | undefined;
      if (key !== undefined && LEFT_OUT.has(String(key.name))) return `{ ${key.name} }`;
    }
  }
  return undefined;
}

/** `new Promise((resolve) => setTimeout(resolve, ms))`, in either spelling of the body. */
function isSleep(node: SyntaxNode): boolean {
  if (node.type !== 'NewExpression' || dottedName(node.callee as SyntaxNode) !== 'Promise') {
    return false;
  }
  const [executor] = node.arguments as SyntaxNode[];
  if (executor === undefined || !/Function/.test(executor.type)) return false;
  const body = executor.body as SyntaxNode;
  const statements = body.type === 'BlockStatement' ? (body.body as SyntaxNode[]) : [body];
  const [only] = statements;
  if (only === undefined || statements.length !== 1) return false;
  const expression = only.type === 'ExpressionStatement' ? (only.expression as SyntaxNode) : only;
  if (expression.type !== 'CallExpression') return false;
  const name = dottedName(expression.callee as SyntaxNode);
  const [callback] = expression.arguments as SyntaxNode[];
  return (
    (name === 'setTimeout' || name === 'globalThis.setTimeout') && callback?.type === 'Identifier'
  );
}
