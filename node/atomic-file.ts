/**
 * Files appear whole or not at all: a temporary file beside the target, synced, then renamed over
 * it. A failure leaves what was there before.
 */
import { open, rename, unlink } from 'node:fs/promises';
import { KadreError } from '../src/base/errors.ts';
import { randomToken } from '../src/crypto/node/secret.ts';

export interface AtomicFileOptions {
  /** Default: what the umask leaves of 0666. */
  readonly mode?: number;
}

/** Errors: DISK_FAILED for a full or failing disk, USAGE for a path that cannot be written. */
export async function writeFileAtomic(
  file: string,
  parts: readonly (Uint8Array | string)[],
  options: AtomicFileOptions = {},
): Promise<void> {
  const temporary = `${file}.${randomToken().slice(0, 8)}.tmp`;
  try {
    const handle = await open(temporary, 'wx', options.mode ?? 0o666);
    try {
      for (const part of parts) await handle.writeFile(part);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (cause) {
    await unlink(temporary).catch(() => undefined);
    throw writeFailure(file, cause as NodeJS.ErrnoException);
  }
}

/** What a failed write means: a wrong path is the user's to correct, the rest is the disk's. */
function writeFailure(file: string, cause: NodeJS.ErrnoException): KadreError {
  const message = `cannot write ${file}: ${cause.message}`;
  const isPath = ['ENOENT', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG'].includes(cause.code ?? '');
  if (!isPath) return new KadreError({ code: 'DISK_FAILED' }, message, { cause });
  return new KadreError({ code: 'USAGE', advice: 'check the path' }, message, { cause });
}
