/**
 * Many small blobs in one file: one write and one sync for thousands of results. Header: magic, u32
 * count, then per entry root and u32 length; the contents follow in the same order. Local format,
 * read only by this version (docs/protocol/blob.md, "On disk").
 */
import { concatBytes, equalBytes, u32, utf8 } from '../base/bytes.ts';
import { DIGEST_BYTES, type Digest } from '../base/ids.ts';

export const PACK_MAGIC = utf8('KDRPACK1');
export const PACK_COUNT_OFFSET = PACK_MAGIC.length;
export const PACK_HEADER_BYTES = PACK_COUNT_OFFSET + 4;
const ENTRY_BYTES = DIGEST_BYTES + 4;
/** Entries of one pack; keeps its table below 3 MiB. */
export const PACK_ENTRIES_MAX = 65_536;

export interface PackEntry {
  readonly root: Digest;
  readonly offset: number;
  readonly bytes: number;
}

export interface PackItem {
  readonly root: Digest;
  readonly content: Uint8Array;
}

export function encodePack(items: readonly PackItem[]): {
  bytes: Uint8Array;
  entries: PackEntry[];
} {
  const table = items.map(({ root, content }) => concatBytes([root, u32(content.length)]));
  const entries: PackEntry[] = [];
  let offset = PACK_HEADER_BYTES + items.length * ENTRY_BYTES;
  for (const { root, content } of items) {
    entries.push({ root, offset, bytes: content.length });
    offset += content.length;
  }
  const contents = items.map(({ content }) => content);
  return { bytes: concatBytes([PACK_MAGIC, u32(items.length), ...table, ...contents]), entries };
}

/** Bytes of the table that a header announces; undefined when it is no pack header. */
export function packTableBytes(header: Uint8Array): number | undefined {
  if (header.length < PACK_HEADER_BYTES) return undefined;
  if (!equalBytes(header.subarray(0, PACK_MAGIC.length), PACK_MAGIC)) return undefined;
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const count = view.getUint32(PACK_COUNT_OFFSET);
  return count > PACK_ENTRIES_MAX ? undefined : count * ENTRY_BYTES;
}

/** Entries of a table, when they end exactly at the file's end; else undefined: a torn pack. */
export function parsePackTable(table: Uint8Array, fileBytes: number): PackEntry[] | undefined {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const entries: PackEntry[] = [];
  let offset = PACK_HEADER_BYTES + table.length;
  for (let at = 0; at < table.length; at += ENTRY_BYTES) {
    const bytes = view.getUint32(at + DIGEST_BYTES);
    entries.push({ root: table.slice(at, at + DIGEST_BYTES), offset, bytes });
    offset += bytes;
  }
  return offset === fileBytes ? entries : undefined;
}
