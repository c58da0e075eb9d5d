import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32, inflateSync } from 'node:zlib';
import { encodePng } from '../../../../node/demo/png.ts';

/** The chunks of a file, each with its checksum checked. */
function chunksOf(file: Uint8Array): { type: string; content: Buffer }[] {
  const bytes = Buffer.from(file);
  assert.equal(bytes.subarray(0, 8).toString('latin1'), '\x89PNG\r\n\x1a\n');
  const chunks = [];
  for (let at = 8; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const body = bytes.subarray(at + 4, at + 8 + length);
    assert.equal(bytes.readUInt32BE(at + 8 + length), crc32(body));
    chunks.push({ type: body.toString('latin1', 0, 4), content: body.subarray(4) });
    at += 12 + length;
  }
  return chunks;
}

test('a picture comes back out of its file', () => {
  const rgb = Uint8Array.from({ length: 3 * 5 * 2 }, (_, i) => 7 * i);
  const [head, data, end] = chunksOf(encodePng({ width: 5, height: 2, rgb }));
  assert.deepEqual([head?.type, data?.type, end?.type], ['IHDR', 'IDAT', 'IEND']);
  assert.deepEqual([...head!.content], [0, 0, 0, 5, 0, 0, 0, 2, 8, 2, 0, 0, 0]);
  const rows = inflateSync(data!.content);
  assert.deepEqual([...rows], [0, ...rgb.subarray(0, 15), 0, ...rgb.subarray(15)]);
  assert.equal(end?.content.length, 0);
});
