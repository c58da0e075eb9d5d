/**
 * A picture as a PNG file: eight bits of red, green and blue per pixel, no filter, one compressed
 * chunk (PNG specification, third edition, sections 5 and 11).
 */
import { crc32, deflateSync } from 'node:zlib';

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Red, green, blue per pixel, row by row from the top: 3 x width x height bytes. */
  readonly rgb: Uint8Array;
}

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const BIT_DEPTH = 8;
const TRUECOLOUR = 2;

export function encodePng({ width, height, rgb }: Picture): Uint8Array {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  // Compression, filter and interlace methods stay 0.
  head.set([BIT_DEPTH, TRUECOLOUR], 8);
  const rowBytes = 3 * width;
  // Each row begins with its filter: 0, none.
  const rows = Buffer.alloc(height * (1 + rowBytes));
  for (let y = 0; y < height; y++) {
    rows.set(rgb.subarray(y * rowBytes, (y + 1) * rowBytes), y * (1 + rowBytes) + 1);
  }
  const chunks = [chunk('IHDR', head), chunk('IDAT', deflateSync(rows)), chunk('IEND', '')];
  return Buffer.concat([SIGNATURE, ...chunks]);
}

/** Length of the content, type, content, checksum of type and content. */
function chunk(type: string, content: Uint8Array | ''): Uint8Array {
  const body = Buffer.concat([Buffer.from(type, 'ascii'), Buffer.from(content)]);
  const bytes = Buffer.alloc(body.length + 8);
  bytes.writeUInt32BE(body.length - 4, 0);
  bytes.set(body, 4);
  bytes.writeUInt32BE(crc32(body), body.length + 4);
  return bytes;
}
