/**
 * One process per directory. The lock is a listening socket named by the directory's real path: the
 * operating system drops it with the process, however that ends, so there is no stale lock. Linux
 * uses the abstract socket namespace, which leaves no file; elsewhere a socket file is probed.
 */
import { realpath, unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { toHex, utf8 } from '../base/bytes.ts';
import { KadreError } from '../base/errors.ts';
import { sha256 } from '../crypto/portable/hash.ts';

export interface DirectoryLock {
  /** Idempotent. */
  release(): Promise<void>;
}

/** Errors: DATA_DIR_LOCKED, DATA_DIR_DAMAGED (no such directory). */
export async function lockDirectory(path: string): Promise<DirectoryLock> {
  const real = await realpath(path).catch((cause: Error) => {
    throw new KadreError({ code: 'DATA_DIR_DAMAGED' }, `cannot lock ${path}: ${cause.message}`);
  });
  const name = `kadre-${toHex(sha256(utf8(real))).slice(0, 40)}`;
  const isAbstract = process.platform === 'linux';
  const address = isAbstract ? `\0${name}` : join(real, 'lock');
  if (!isAbstract && !(await isAnswered(address))) await unlink(address).catch(() => undefined);
  const server = await listen(address).catch((cause: NodeJS.ErrnoException) => {
    const message = `the data directory ${path} is in use by another process`;
    throw new KadreError({ code: 'DATA_DIR_LOCKED' }, message, { cause });
  });
  let closing: Promise<void> | undefined;
  return {
    release: () => {
      closing ??= new Promise((resolve) => server.close(() => resolve()));
      return closing;
    },
  };
}

function listen(address: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', reject);
    server.listen(address, () => resolve(server.unref()));
  });
}

function isAnswered(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address);
    socket.once('connect', () => resolve(socket.destroy() !== undefined));
    socket.once('error', () => resolve(false));
  });
}
