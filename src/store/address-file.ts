/**
 * Addresses of peers across restarts: one JSON file, replaced whole. What does not parse is as good
 * as none: losing it costs a look at the bootstrap list.
 */
import { open } from 'node:fs/promises';
import { writeFilesAtomic } from './atomic-file.ts';

const FILE_BYTES_MAX = 65_536;

export class AddressFile {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  async load(): Promise<readonly string[]> {
    let value: unknown;
    try {
      value = JSON.parse(await this.#text());
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === 'ENOENT' || cause instanceof SyntaxError) return [];
      throw cause;
    }
    const { v, addresses } = (value ?? {}) as { v?: unknown; addresses?: unknown };
    const isList = v === 1 && Array.isArray(addresses);
    return isList ? addresses.filter((entry) => typeof entry === 'string') : [];
  }

  async save(addresses: readonly string[]): Promise<void> {
    const text = `${JSON.stringify({ v: 1, addresses })}\n`;
    await writeFilesAtomic([{ file: this.#file, parts: [text], mode: 0o600 }]);
  }

  /** At most a file's maximum: a longer one is cut, and then is no JSON. */
  async #text(): Promise<string> {
    const handle = await open(this.#file, 'r');
    try {
      const buffer = Buffer.alloc(FILE_BYTES_MAX);
      const { bytesRead } = await handle.read(buffer, 0, FILE_BYTES_MAX, 0);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await handle.close();
    }
  }
}
