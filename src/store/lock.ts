/**
 * One process per data directory. The lock is the operating system's file lock, held through
 * SQLite's, because Node offers no flock: it vanishes with the process however that dies, so no
 * stale lock is ever left, and it also holds between containers that share the directory. The
 * lock file itself stays, empty. See docs/adr/0020-directory-lock.md.
 */
import { mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { asKadreError, KadreError } from '../base/errors.ts';

export const LOCK_FILE = 'lock';
const SQLITE_BUSY = 5;

export interface DirectoryLock {
  /** Idempotent. Keep this object: a lock that nobody refers to may be collected. */
  release(): void;
}

/**
 * Creates the directory when it is missing and locks it. Throws DATA_DIR_LOCKED when another
 * process, or another part of this one, holds it; DISK_FAILED when it cannot be written.
 */
export async function lockDirectory(path: string): Promise<DirectoryLock> {
  let database: DatabaseSync | undefined;
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    database = new DatabaseSync(join(await realpath(path), LOCK_FILE), { timeout: 0 });
    database.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    database?.close();
    if ((cause as { errcode?: number }).errcode === SQLITE_BUSY) {
      const init = { code: 'DATA_DIR_LOCKED', data: { path } } as const;
      throw new KadreError(init, `${path} is in use by another process`, { cause });
    }
    throw asKadreError(cause, 'DISK_FAILED', `cannot lock ${path}`);
  }
  let held: DatabaseSync | undefined = database;
  return {
    release: () => {
      held?.close();
      held = undefined;
    },
  };
}
