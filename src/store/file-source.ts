/**
 * Part of a file as content to be read piece by piece. The file is opened for each piece, so
 * nothing has to be closed; a size or a time of change other than at first is an error.
 */
import { open, stat } from 'node:fs/promises';
import { KadreError } from '../base/errors.ts';
import type { ContentSource } from '../base/ports.ts';

export interface FilePart {
  /** Absolute. */
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
}

/** Errors: those of the file system. */
export async function fileSource({ file, offset, bytes }: FilePart): Promise<ContentSource> {
  const first = await stat(file, { bigint: true });
  const readPart = async (at: number, length: number): Promise<Uint8Array> => {
    const handle = await open(file, 'r');
    try {
      const { size, mtimeNs } = await handle.stat({ bigint: true });
      const isSame = size === first.size && mtimeNs === first.mtimeNs;
      if (!isSame) throw new Error('it was written to');
      const content = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const position = offset + at + done;
        const { bytesRead } = await handle.read(content, done, length - done, position);
        if (bytesRead === 0) throw new Error('it has become shorter');
        done += bytesRead;
      }
      return content;
    } finally {
      await handle.close();
    }
  };
  const read = async (at: number, length: number) => {
    try {
      return await readPart(at, length);
    } catch (cause) {
      throw inputChanged(file, cause as Error);
    }
  };
  return { name: file, bytes, read };
}

export function inputChanged(name: string, cause: Error): KadreError {
  return new KadreError({ code: 'INPUT_CHANGED' }, `${name}: ${cause.message}`, { cause });
}
