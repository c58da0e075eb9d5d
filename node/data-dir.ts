/**
 * The data directory: what is where, and opening it for one process at a time
 * (docs/cli.md, "Data directory").
 *
 *   identity     the node's key (src/crypto/node/keystore.ts), mode 0600
 *   config.json  settings (node/config.ts)
 *   node.json    while a node runs: {v, pid, api, startedMs}
 *   api-token    while a node runs: the API's bearer token, mode 0600
 *   admission.json  proofs that this node belongs to its networks (node/held-admission.ts)
 *   other names  belong to the stores that src/store opens
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { KadreError } from '../src/base/errors.ts';
import { openIdentity } from '../src/crypto/node/keystore.ts';
import { lockDirectory } from '../src/store/lock.ts';

export interface DataDirFiles {
  readonly identity: string;
  readonly config: string;
  readonly nodeRecord: string;
  readonly apiToken: string;
  readonly admission: string;
}

export function dataDirFiles(dir: string): DataDirFiles {
  return {
    identity: join(dir, 'identity'),
    config: join(dir, 'config.json'),
    nodeRecord: join(dir, 'node.json'),
    apiToken: join(dir, 'api-token'),
    admission: join(dir, 'admission.json'),
  };
}

export interface DataDir {
  readonly path: string;
  readonly files: DataDirFiles;
  readonly identitySeed: Uint8Array;
  /** Gives the lock back; idempotent. */
  release(): Promise<void>;
}

/** Makes, locks, reads. Errors: DATA_DIR_LOCKED, DATA_DIR_DAMAGED, DISK_FAILED. */
export async function openDataDir(path: string): Promise<DataDir> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const isFull = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EROFS';
    const text = `cannot use the data directory ${path}: ${message}`;
    throw new KadreError({ code: isFull ? 'DISK_FAILED' : 'DATA_DIR_DAMAGED' }, text, { cause });
  }
  const lock = await lockDirectory(path);
  try {
    const files = dataDirFiles(path);
    const { seed } = await openIdentity(files.identity);
    return { path, files, identitySeed: seed, release: async () => lock.release() };
  } catch (cause) {
    lock.release();
    throw cause;
  }
}
