/**
 * How commands find a running node and its API token: `node.json` and `api-token` in the data
 * directory, and one small file per API port in the user's runtime folder, so that `--api URL`
 * alone finds the token. All of it is readable by its owner only and removed when the node stops.
 */
import { mkdir, readFile, unlink } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { KadreError } from '../src/base/errors.ts';
import { writeFilesAtomic } from '../src/store/atomic-file.ts';
import { dataDirFiles } from './data-dir.ts';

export interface NodeRecord {
  readonly v: 1;
  readonly pid: number;
  /** `http://127.0.0.1:PORT` */
  readonly api: string;
  /** Wall time, ms since 1970. */
  readonly startedMs: number;
}

interface PortRecord {
  readonly v: 1;
  readonly pid: number;
  readonly tokenFile: string;
}

const RECORD_BYTES_MAX = 16_384;

/** Where port records live: $XDG_RUNTIME_DIR/kadre, else ~/.kadre/run. */
export function runtimeFolder(env: NodeJS.ProcessEnv = process.env): string {
  const runtime = env.XDG_RUNTIME_DIR;
  return runtime ? join(runtime, 'kadre') : join(homedir(), '.kadre', 'run');
}

/** Writes all three files; returns how to remove them. Errors: DISK_FAILED. */
export async function publishNode(
  dataDir: string,
  record: NodeRecord,
  token: string,
): Promise<() => Promise<void>> {
  const files = dataDirFiles(dataDir);
  await writeOwned(files.apiToken, `${token}\n`);
  await writeOwned(files.nodeRecord, `${JSON.stringify(record)}\n`);
  const portFile = portRecordFile(record.api);
  const portRecord: PortRecord = { v: 1, pid: record.pid, tokenFile: files.apiToken };
  // A convenience: a runtime folder that cannot be written must not keep the node from starting.
  await mkdir(dirname(portFile), { recursive: true, mode: 0o700 })
    .then(() => writeOwned(portFile, `${JSON.stringify(portRecord)}\n`))
    .catch(() => undefined);
  return async () => {
    for (const file of [files.nodeRecord, files.apiToken, portFile]) {
      await unlink(file).catch(() => undefined);
    }
  };
}

/** The node that runs on a data directory, or undefined. A record left by a crash is not one. */
export async function findNode(
  dataDir: string,
): Promise<{ readonly record: NodeRecord; readonly token: string } | undefined> {
  const files = dataDirFiles(dataDir);
  const record = await readRecord<NodeRecord>(files.nodeRecord, ['pid', 'api', 'startedMs']);
  if (record === undefined || !isAlive(record.pid)) return undefined;
  const token = await readText(files.apiToken);
  return token === undefined ? undefined : { record, token: token.trim() };
}

export interface TokenSources {
  /** `--token-file`. */
  readonly tokenFile?: string | undefined;
  readonly env?: NodeJS.ProcessEnv;
}

/** The token for an API: --token-file, then KADRE_API_TOKEN, then the port record of this user. */
export async function findToken(api: string, sources: TokenSources): Promise<string | undefined> {
  if (sources.tokenFile !== undefined) {
    const token = await readText(sources.tokenFile);
    if (token !== undefined) return token.trim();
    const message = `cannot read the token file ${sources.tokenFile}`;
    throw new KadreError({ code: 'USAGE', advice: 'check the path' }, message);
  }
  const variable = (sources.env ?? process.env).KADRE_API_TOKEN;
  if (variable) return variable;
  const record = await readRecord<PortRecord>(portRecordFile(api), ['pid', 'tokenFile']);
  return record === undefined ? undefined : (await readText(record.tokenFile))?.trim();
}

function portRecordFile(api: string): string {
  return join(runtimeFolder(), `${new URL(api).port || '80'}.json`);
}

function writeOwned(file: string, content: string): Promise<void> {
  return writeFilesAtomic([{ file, parts: [content], mode: 0o600 }]);
}

async function readText(file: string): Promise<string | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  return text === undefined || text.length > RECORD_BYTES_MAX ? undefined : text;
}

async function readRecord<T>(file: string, keys: readonly string[]): Promise<T | undefined> {
  const text = await readText(file);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    const isRecord = typeof value === 'object' && value !== null;
    return isRecord && keys.every((key) => key in value) ? (value as T) : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM';
  }
}
