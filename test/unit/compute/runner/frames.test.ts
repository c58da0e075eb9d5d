import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { concatBytes } from '../../../../src/base/bytes.ts';
import {
  type FrameHeader,
  FrameReader,
  frameHeader,
} from '../../../../src/compute/runner/frames.ts';

type Frame = FrameHeader & { readonly body: Uint8Array };

function collector(bytesMax = 1000): { frames: Frame[]; reader: FrameReader } {
  const frames: Frame[] = [];
  const reader = new FrameReader({
    allocate: ({ bytes }) => (bytes <= bytesMax ? new Uint8Array(bytes) : undefined),
    receive: (header, body) => frames.push({ ...header, body }),
  });
  return { frames, reader };
}

const bytesOf = (frames: readonly Frame[]) =>
  concatBytes(frames.flatMap((frame) => [frameHeader(frame), frame.body]));

const anyFrame = fc
  .tuple(fc.integer({ min: 1, max: 7 }), fc.nat(), fc.uint8Array({ maxLength: 60 }))
  .map(([kind, job, body]) => ({ kind, job, bytes: body.length, body }));

test('frames survive any cutting of the stream', () => {
  const cases = fc.tuple(
    fc.array(anyFrame, { maxLength: 8 }),
    fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 }),
  );
  fc.assert(
    fc.property(cases, ([sent, cuts]) => {
      const stream = bytesOf(sent);
      const { frames, reader } = collector();
      let at = 0;
      for (let i = 0; at < stream.length; i++) {
        const length = cuts[i % cuts.length]!;
        assert.ok(reader.push(stream.subarray(at, at + length)));
        at += length;
      }
      assert.deepEqual(frames, sent);
    }),
    { numRuns: 200 },
  );
});

test('lengths beyond 32 bits are written and refused', () => {
  const header = { kind: 6, job: 1, bytes: 2 ** 40 + 5 };
  const seen: FrameHeader[] = [];
  const reader = new FrameReader({
    allocate: (frame) => {
      seen.push(frame);
      return undefined;
    },
    receive: () => assert.fail('a refused frame is not received'),
  });
  assert.ok(!reader.push(frameHeader(header)));
  assert.deepEqual(seen, [header]);
});

test('after a refused frame nothing is read', () => {
  const { frames, reader } = collector(4);
  const good = { kind: 1, job: 1, bytes: 4, body: new Uint8Array(4) };
  const large = { kind: 1, job: 2, bytes: 5, body: new Uint8Array(5) };
  assert.ok(!reader.push(bytesOf([good, large, good])));
  assert.ok(!reader.push(bytesOf([good])));
  assert.deepEqual(frames, [good]);
});
