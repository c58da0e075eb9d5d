/**
 * node:test reporter: shows failures in full and everything else as one line per file, and tells
 * the runner what happened through one JSON line per fact (see `Fact`), marked so that a test's own
 * output is never mistaken for one.
 */
import type { TestEvent } from 'node:test/reporters';

export const FACT = '\u0001kadre-test ';

export type Fact =
  | { readonly kind: 'passed'; readonly file: string }
  | { readonly kind: 'skipped'; readonly file: string }
  | { readonly kind: 'failed'; readonly file: string; readonly name: string }
  | { readonly kind: 'finished'; readonly file: string; readonly tests: number };

interface Data {
  readonly name?: string;
  readonly file?: string;
  readonly message?: string;
  readonly skip?: string | boolean;
  readonly todo?: string | boolean;
  readonly details?: { readonly type?: string; readonly error?: Error & { cause?: unknown } };
  readonly counts?: { readonly tests: number; readonly passed: number; readonly failed: number };
  readonly duration_ms?: number;
}

const fact = (value: Fact): string => `${FACT}${JSON.stringify(value)}\n`;

export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) yield* lines(event.type, event.data as Data);
}

function* lines(type: string, data: Data): Generator<string> {
  const file = data.file ?? '';
  const name = data.name ?? '';
  switch (type) {
    case 'test:pass':
      // A file reports itself as a test when nothing in it was one: `finished` judges that.
      if (data.details?.type === 'suite' || isFile(name, file)) return;
      if (data.todo !== undefined && data.todo !== false) yield failed(file, name, 'marked todo');
      else yield fact({ kind: isSet(data.skip) ? 'skipped' : 'passed', file });
      if (isSet(data.skip)) yield `  skipped: ${name} (${data.skip})\n`;
      return;
    case 'test:fail':
      yield* failure(file, name, data);
      return;
    case 'test:diagnostic':
      if (/asynchronous activity after the test ended/.test(data.message ?? '')) {
        yield failed(file, 'after the end of a test', data.message ?? '');
      }
      return;
    case 'test:summary':
      if (data.file === undefined) return;
      yield fact({ kind: 'finished', file, tests: data.counts?.tests ?? 0 });
      yield `  ${shortName(file)}: ${data.counts?.tests} tests, ${seconds(data.duration_ms)}\n`;
      return;
    case 'test:stdout':
    case 'test:stderr':
      yield data.message ?? '';
      return;
    default:
  }
}

function* failure(file: string, name: string, data: Data): Generator<string> {
  const error = data.details?.error;
  const cause = error?.cause;
  const isSuite = data.details?.type === 'suite';
  // A suite fails because a test in it failed, which was counted; otherwise its own hook did.
  if (isSuite && /subtests? failed/.test(String(error?.message))) return;
  yield failed(file, name, cause instanceof Error ? (cause.stack ?? '') : String(cause ?? error));
}

function failed(file: string, name: string, detail: string): string {
  const text = detail.replaceAll(/^/gm, '      ');
  return `  FAILED ${shortName(file)}: ${name}\n${text}\n${fact({ kind: 'failed', file, name })}`;
}

function isFile(name: string, file: string): boolean {
  return name !== '' && (name === file || file.endsWith(`/${name}`));
}

function isSet(skip: string | boolean | undefined): boolean {
  return skip !== undefined && skip !== false;
}

function shortName(file: string): string {
  const at = file.lastIndexOf('/test/');
  return at === -1 ? file : file.slice(at + 1);
}

function seconds(ms: number | undefined): string {
  return `${((ms ?? 0) / 1000).toFixed(1)} s`;
}
