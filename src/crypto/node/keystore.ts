/**
 * The identity file: one line of text, `kadre-identity-1 <seed> <check>`, where the seed is 32
 * bytes of Ed25519 seed and the check the first four bytes of its SHA-256, both lowercase hex. It
 * is created once, whole or not at all, readable by its owner only; a file that does not read back
 * exactly is never replaced, because that would silently change who this node is.
 */
import { randomBytes } from 'node:crypto';
import { link, open, readFile, rename, stat, unlink } from 'node:fs/promises';
import { fromHex, toHex } from '../../base/bytes.ts';
import { KadreError } from '../../base/errors.ts';
import { sha256 } from '../portable/hash.ts';
import { generateSeed } from './keys.ts';

const HEADER = 'kadre-identity-1';
const CHECK_BYTES = 4;
const FILE_BYTES_MAX = 256;

export interface Identity {
  /** 32-byte Ed25519 seed. */
  readonly seed: Uint8Array;
  /** True when this call made it. */
  readonly created: boolean;
}

/**
 * The identity in `file`, made first when there is none. The folder must exist.
 * Errors: DATA_DIR_DAMAGED (unreadable, not such a file, or open to others), DISK_FAILED.
 */
export async function openIdentity(file: string): Promise<Identity> {
  const held = await readIdentity(file);
  if (held !== undefined) return { seed: held, created: false };
  const seed = generateSeed();
  if (await createOnce(file, encodeIdentity(seed))) return { seed, created: true };
  const winner = await readIdentity(file);
  if (winner === undefined) throw damaged(file, 'it vanished while it was being created');
  return { seed: winner, created: false };
}

export interface RotatedIdentity {
  readonly seed: Uint8Array;
  /** What it replaces; undefined when there was none. */
  readonly previous: Uint8Array | undefined;
  /** Where the previous identity lies now. */
  readonly keptAs: string | undefined;
}

/**
 * A new identity in `file`. The old file keeps its content under a name of its own, linked before
 * it is replaced, so that no moment and no crash is without a readable identity.
 * Errors: DATA_DIR_DAMAGED, DISK_FAILED.
 */
export async function rotateIdentity(file: string): Promise<RotatedIdentity> {
  const previous = await readIdentity(file);
  if (previous === undefined) {
    const { seed } = await openIdentity(file);
    return { seed, previous, keptAs: undefined };
  }
  const keptAs = `${file}.retired-${toHex(sha256(previous).subarray(0, 8))}`;
  const seed = generateSeed();
  const temporary = temporaryOf(file);
  try {
    await writeSynced(temporary, encodeIdentity(seed));
    // Kept already by a rotation that a crash cut short: the same key under the same name.
    await link(file, keptAs).catch(unlessThere);
    await rename(temporary, file);
  } catch (cause) {
    const message = `cannot replace the identity ${file}: ${(cause as Error).message}`;
    throw new KadreError({ code: 'DISK_FAILED' }, message, { cause });
  } finally {
    await unlink(temporary).catch(() => undefined);
  }
  return { seed, previous, keptAs };
}

/** The identity in `file`; undefined when there is no such file. */
export async function readIdentity(file: string): Promise<Uint8Array | undefined> {
  let text: string;
  try {
    const { mode, size } = await stat(file);
    if (size > FILE_BYTES_MAX) throw damaged(file, `${size} bytes long`);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw damaged(file, `open to other users; run \`chmod 600 ${file}\``);
    }
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (cause instanceof KadreError) throw cause;
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw damaged(file, (cause as Error).message, cause);
  }
  const seed = decodeIdentity(text);
  if (seed === undefined) throw damaged(file, 'not a readable identity');
  return seed;
}

export function encodeIdentity(seed: Uint8Array): string {
  return `${HEADER} ${toHex(seed)} ${toHex(sha256(seed).subarray(0, CHECK_BYTES))}\n`;
}

/** Undefined for anything but exactly what `encodeIdentity` writes. */
export function decodeIdentity(text: string): Uint8Array | undefined {
  const seed = fromHex(text.split(' ')[1] ?? '');
  if (seed === undefined || seed.length !== 32) return undefined;
  return encodeIdentity(seed) === text ? seed : undefined;
}

/** Writes a temporary file and links it into place; false when the name was taken meanwhile. */
async function createOnce(file: string, content: string): Promise<boolean> {
  const temporary = temporaryOf(file);
  try {
    await writeSynced(temporary, content);
    await link(temporary, file);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    const message = `cannot write the identity ${file}: ${(cause as Error).message}`;
    throw new KadreError({ code: 'DISK_FAILED' }, message, { cause });
  } finally {
    await unlink(temporary).catch(() => undefined);
  }
}

function temporaryOf(file: string): string {
  return `${file}.${randomBytes(6).toString('hex')}.tmp`;
}

async function writeSynced(file: string, content: string): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function unlessThere(cause: NodeJS.ErrnoException): void {
  if (cause.code !== 'EEXIST') throw cause;
}

function damaged(file: string, why: string, cause?: unknown): KadreError {
  const message = `the identity file ${file} cannot be used: ${why}`;
  return new KadreError({ code: 'DATA_DIR_DAMAGED' }, message, { cause });
}
