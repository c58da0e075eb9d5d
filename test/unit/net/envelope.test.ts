import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { concatBytes, toHex } from '../../../src/base/bytes.ts';
import type { Checked } from '../../../src/base/verdict.ts';
import {
  checkedFrames,
  encodeFrame,
  FRAME_KINDS,
  type Frame,
  frameBytes,
} from '../../../src/net/envelope.ts';

async function* cut(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const next = at + (sizes.length === 0 ? bytes.length : sizes[i % sizes.length]!);
    yield bytes.subarray(at, next);
    at = next;
  }
}

async function parse(bytes: Uint8Array, max = 1000, sizes: readonly number[] = []) {
  const out: Checked<Frame>[] = [];
  for await (const frame of checkedFrames(max)(cut(bytes, sizes))) out.push(frame);
  return out;
}

const reasons = async (bytes: Uint8Array, max?: number) =>
  (await parse(bytes, max)).map((frame) => (frame.ok ? 'ok' : frame.reason));

describe('envelope', () => {
  it('has the documented bytes', () => {
    const frame = encodeFrame(FRAME_KINDS.request, 0x01020304, Uint8Array.of(0xaa, 0xbb));
    assert.equal(toHex(frame), '070101020304aabb');
    assert.equal(toHex(encodeFrame(FRAME_KINDS.end, 1)), '050800000001');
    assert.equal(
      toHex(encodeFrame(FRAME_KINDS.data, 0, new Uint8Array(123)).subarray(0, 3)),
      '800107',
    );
  });

  it('reads back any frames, however the bytes are cut', async () => {
    const frameArbitrary = fc.record(
      {
        kind: fc.constantFrom(...Object.values(FRAME_KINDS)),
        id: fc.nat(0xffffffff),
        body: fc.uint8Array({ maxLength: 300 }),
      },
      { noNullPrototype: true },
    );
    const cuts = fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(fc.array(frameArbitrary, { maxLength: 8 }), cuts, async (frames, sizes) => {
        const encoded = frames.map(({ kind, id, body }) => encodeFrame(kind, id, body));
        for (const [i, { body }] of frames.entries()) {
          assert.equal(encoded[i]!.length, frameBytes(body.length));
        }
        const got = await parse(concatBytes(encoded), 1000, sizes);
        assert.deepEqual(
          got,
          frames.map((value) => ({ ok: true, value })),
        );
      }),
      { numRuns: 100 },
    );
  });

  it('refuses what is malformed and reads nothing after it', async () => {
    const good = encodeFrame(FRAME_KINDS.message, 0, Uint8Array.of(1));
    const then = (bad: Uint8Array) => concatBytes([good, bad, good]);
    assert.deepEqual(await reasons(then(Uint8Array.of(4, 1, 0, 0, 0))), ['ok', 'frame-too-short']);
    const kindless = Uint8Array.of(5, 0, 0, 0, 0, 0);
    assert.deepEqual(await reasons(then(kindless)), ['ok', 'frame-kind-unknown']);
    const kindTooHigh = Uint8Array.of(5, 9, 0, 0, 0, 0);
    assert.deepEqual(await reasons(then(kindTooHigh)), ['ok', 'frame-kind-unknown']);
    const large = encodeFrame(FRAME_KINDS.message, 0, new Uint8Array(101));
    assert.deepEqual(await reasons(then(large), 100), ['ok', 'frame-too-large']);
    assert.deepEqual(await reasons(encodeFrame(4, 0, new Uint8Array(100)), 100), ['ok']);
    const endless = new Uint8Array(20).fill(0xff);
    assert.deepEqual(await reasons(endless), ['frame-length-malformed']);
  });

  it('judges a length before its bytes have come', async () => {
    async function* announceOnly(): AsyncGenerator<Uint8Array> {
      yield Uint8Array.of(0xff, 0xff, 0xff, 0x7f);
      throw new Error('asked for the body of a frame that is too large');
    }
    const frames: Checked<Frame>[] = [];
    for await (const frame of checkedFrames(1000)(announceOnly())) frames.push(frame);
    assert.deepEqual(
      frames.map((frame) => frame.ok),
      [false],
    );
  });

  it('treats a cut within a frame as a break, not as an offence', async () => {
    await assert.rejects(parse(Uint8Array.of(7, 1, 0)), /end of input/);
  });

  it('never throws on arbitrary bytes except for a cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (bytes) => {
        try {
          const frames = await parse(bytes, 20);
          assert.ok(frames.filter((frame) => !frame.ok).length <= 1);
        } catch (cause) {
          assert.match((cause as Error).message, /end of input/);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('copies the body out of the buffer it came in', async () => {
    const buffer = encodeFrame(FRAME_KINDS.message, 0, Uint8Array.of(1, 2, 3));
    const [frame] = await parse(buffer);
    assert.ok(frame?.ok);
    buffer.fill(0);
    assert.deepEqual([...frame.value.body], [1, 2, 3]);
  });
});
