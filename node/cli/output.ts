/**
 * Where words go: results to stdout, everything else to stderr. With `--json` stdout carries JSON
 * objects only, each with `"v":1` (contract.md, "CLI").
 */
import { ERROR_CODES, type ErrorCode } from '../../src/base/error-codes.ts';
import type { KadreError } from '../../src/base/errors.ts';
import type { Logger, LogLevel } from '../../src/base/ports.ts';

/** A narrow part of process.stdout and process.stderr. */
export interface TextSink {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): boolean;
}

export class Output {
  readonly json: boolean;
  readonly stderr: TextSink;
  readonly stdout: TextSink;

  constructor(stdout: TextSink, stderr: TextSink, init: { readonly json: boolean }) {
    this.stdout = stdout;
    this.stderr = stderr;
    this.json = init.json;
  }

  /** A result: the object with `--json`, else the lines for people. */
  result(object: { readonly v: 1 }, lines: () => readonly string[]): void {
    if (this.json) this.object(object);
    else this.stdout.write(`${lines().join('\n')}\n`);
  }

  /** One line of JSON on stdout. */
  object(object: { readonly v: 1 }): void {
    this.stdout.write(`${JSON.stringify(object)}\n`);
  }

  /** Text on stdout that is no result: help. */
  text(text: string): void {
    this.stdout.write(text);
  }

  /** A remark on stderr. */
  note(line: string): void {
    this.stderr.write(`${line}\n`);
  }

  /** The error in the form asked for. Returns the exit status of its code. */
  failure(error: KadreError, extra: Readonly<Record<string, unknown>> = {}): number {
    if (this.json) this.object({ v: 1, error: error.toJSON(), ...extra } as { readonly v: 1 });
    else {
      const about = error.peer === undefined ? '' : ` (peer ${error.peer})`;
      this.note(`error ${error.code}: ${error.message}${about}`);
      this.note(`  ${error.advice}`);
    }
    return exitOf(error.code);
  }
}

export function exitOf(code: ErrorCode): number {
  return ERROR_CODES[code].exit;
}

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

export type LogFormat = 'text' | 'json';

/**
 * Log lines on stderr. `text`: level, event, fields as JSON. `json`: one object a line, `{v, time,
 * level, event, fields?}`, for collectors. Fields never contain secrets.
 */
export function stderrLogger(
  sink: TextSink,
  level: LogLevel,
  { format = 'text', wallMs = Date.now }: { format?: LogFormat; wallMs?: () => number } = {},
): Logger {
  const least = LEVELS.indexOf(level);
  return {
    log(at, event, fields) {
      if (LEVELS.indexOf(at) < least) return;
      if (format === 'json') {
        const time = new Date(wallMs()).toISOString();
        sink.write(`${JSON.stringify({ v: 1, time, level: at, event, fields }, logged)}\n`);
        return;
      }
      const text = fields === undefined ? '' : ` ${JSON.stringify(fields, logged)}`;
      sink.write(`${at} ${event}${text}\n`);
    },
  };
}

/** What JSON alone would lose or fail on. */
function logged(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (!(value instanceof Error)) return value;
  const { code } = value as Error & { readonly code?: unknown };
  return { ...(code !== undefined && { code }), message: value.message };
}

/** 1536 as `1.5 KiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** 75,300 ms as `1 min 15 s`, 1,234 ms as `1.2 s`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/** Columns as wide as their widest cell, two spaces apart. */
export function formatTable(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
