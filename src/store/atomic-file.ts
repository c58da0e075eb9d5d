/**
 * Files appear whole or not at all: every file of a group is first staged beside its target and
 * synced, then all are renamed into place. A failure before that leaves everything as it was.
 */
import { lstat, open, realpath, rename, unlink } from 'node:fs/promises';
import { KadreError } from '../base/errors.ts';
import { randomToken } from '../crypto/node/secret.ts';

export interface FileContent {
  readonly file: string;
  /** Written one after the other. */
  readonly parts: readonly (Uint8Array | string)[];
  /** Default: what the umask leaves of 0666. */
  readonly mode?: number;
}

interface Staged {
  readonly temporary: string;
  readonly target: string;
}

/** Errors: DISK_FAILED for a full or failing disk, USAGE for a path that cannot be written. */
export async function writeFilesAtomic(contents: readonly FileContent[]): Promise<void> {
  const staged: Staged[] = [];
  try {
    for (const content of contents) {
      try {
        await stage(content, staged);
      } catch (cause) {
        throw writeFailure(content.file, cause as NodeJS.ErrnoException);
      }
    }
    for (const { temporary, target } of staged) {
      await rename(temporary, target).catch((cause) => {
        throw writeFailure(target, cause as NodeJS.ErrnoException);
      });
    }
  } finally {
    for (const { temporary } of staged) await unlink(temporary).catch(() => undefined);
  }
}

async function stage(content: FileContent, staged: Staged[]): Promise<void> {
  // Through a link, and straight into a device or pipe: renaming over those would destroy them.
  const target = await realpath(content.file).catch(() => content.file);
  const held = await lstat(target).catch(() => undefined);
  if (held?.isDirectory()) throw Object.assign(new Error('is a directory'), { code: 'EISDIR' });
  const isSpecial = held !== undefined && !held.isFile();
  const temporary = `${target}.${randomToken().slice(0, 8)}.tmp`;
  if (!isSpecial) staged.push({ temporary, target });
  const handle = await open(
    isSpecial ? target : temporary,
    isSpecial ? 'w' : 'wx',
    content.mode ?? 0o666,
  );
  try {
    for (const part of content.parts) await handle.writeFile(part);
    if (!isSpecial) await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What a failed write means: a wrong path is the user's to correct, the rest is the disk's. */
function writeFailure(file: string, cause: NodeJS.ErrnoException): KadreError {
  const message = `cannot write ${file}: ${cause.message}`;
  const isPath = ['ENOENT', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG'].includes(cause.code ?? '');
  if (!isPath) return new KadreError({ code: 'DISK_FAILED' }, message, { cause });
  return new KadreError({ code: 'USAGE', advice: 'check the path' }, message, { cause });
}
