/** What a crash does to a log is told from what a bad disk does, wherever it strikes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { concatBytes } from '../../../src/base/bytes.ts';
import {
  encodeFileHeader,
  encodeFrame,
  FRAME_HEADER_BYTES,
} from '../../../src/store/wal-frames.ts';
import { scanWal } from '../../../src/store/wal-scan.ts';

const SALT = 0x5eed_0001;
const SECTOR = 512;

type Group = readonly Uint8Array[];

const frameOf = (sequence: number, group: Group, salt = SALT) =>
  encodeFrame({ salt, sequence }, group);

const logOf = (...groups: readonly Group[]) =>
  concatBytes([encodeFileHeader(SALT), ...groups.map((group, i) => frameOf(i, group))]);

const bytesOf = (length: number) => Uint8Array.from({ length }, (_, i) => (i % 255) + 1);

/** Frames as another log, or this one, would hold them: what a peer may send as a payload. */
const frames = (salt: number) => concatBytes([1, 2, 3].map((i) => frameOf(i, [bytesOf(30)], salt)));

/** Last groups of every kind: within a sector, over several, holding frames. */
const LAST: Record<string, Group> = {
  empty: [],
  small: [bytesOf(5), bytesOf(0)],
  large: [bytesOf(700), bytesOf(900)],
  'frames of this log': [frames(SALT)],
  'frames of another': [frames(SALT + 1)],
};

const FIRST: Group = [bytesOf(40), bytesOf(3)];

function assertTorn(file: Uint8Array, what: string): void {
  const scan = scanWal(file);
  const keptBytes = logOf(FIRST).length;
  assert.deepEqual(
    scan,
    { kind: 'usable', records: FIRST, salt: SALT, nextSequence: 1, goodBytes: keptBytes },
    what,
  );
}

for (const [kind, last] of Object.entries(LAST)) {
  const whole = logOf(FIRST, last);
  const start = logOf(FIRST).length;

  test(`a last frame cut anywhere is a torn tail: ${kind}`, () => {
    for (let length = start; length < whole.length; length++) {
      assertTorn(whole.slice(0, length), `${length} bytes`);
      assertTorn(whole.slice().fill(0, length), `zeros from byte ${length}`);
    }
  });

  test(`any flipped bit is damage, the last frame's too: ${kind}`, () => {
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const copy = whole.slice();
      copy[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(scanWal(copy).kind, 'damaged', `bit ${bit}`);
    }
  });
}

test('a sector that never reached the disk is a torn tail, in the last frame only', () => {
  for (const kind of ['large', 'frames of another'] as const) {
    // Every way in which the frame can lie over the sectors, its header on both sides of one.
    for (let shift = 0; shift < SECTOR; shift += 7) {
      const groups = [[bytesOf(300 + shift)], LAST[kind]!];
      const whole = logOf(...groups);
      const start = logOf(groups[0]!).length;
      const sector = start - (start % SECTOR);
      for (let at = sector; at < whole.length; at += SECTOR) {
        const copy = whole.slice().fill(0, Math.max(at, start), at + SECTOR);
        const scan = scanWal(copy);
        assert.ok(scan.kind === 'usable' && scan.goodBytes === start, `${kind} ${shift} ${at}`);
        const more = concatBytes([copy, frameOf(2, FIRST)]);
        assert.equal(scanWal(more).kind, 'damaged', `${kind} ${shift} ${at}, and a frame after it`);
      }
    }
  }
});

test('a flipped bit in a header is damage, however it lies over two sectors', () => {
  for (let shift = 0; shift < 2 * FRAME_HEADER_BYTES; shift++) {
    const start = SECTOR + FRAME_HEADER_BYTES - shift;
    const filling = start - logOf([]).length - 4;
    const whole = logOf([bytesOf(filling)], [bytesOf(10)]);
    assert.equal(whole.length - frameOf(1, [bytesOf(10)]).length, start);
    for (let bit = start * 8; bit < (start + FRAME_HEADER_BYTES) * 8; bit++) {
      const copy = whole.slice();
      copy[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(scanWal(copy).kind, 'damaged', `frame at ${start}, bit ${bit}`);
    }
  }
});

test('a file whose creation was cut short is empty', () => {
  const header = encodeFileHeader(SALT);
  const empty = { kind: 'usable', records: [], salt: undefined, nextSequence: 0, goodBytes: 0 };
  for (let length = 0; length < header.length; length++) {
    assert.deepEqual(scanWal(header.slice(0, length)), empty);
    // With all of its name a header has a salt, if only zeros.
    if (length < 8) assert.deepEqual(scanWal(logOf(FIRST).fill(0, length)), empty);
  }
  assert.equal(scanWal(new TextEncoder().encode('another file')).kind, 'damaged');
  assert.equal(scanWal(logOf(FIRST).fill(0, 0, 8)).kind, 'damaged', 'zeros, then a frame');
});

test('frames out of their order are damage', () => {
  const file = concatBytes([encodeFileHeader(SALT), frameOf(0, FIRST), frameOf(0, FIRST)]);
  assert.equal(scanWal(file).kind, 'damaged');
  const late = concatBytes([encodeFileHeader(SALT), frameOf(1, FIRST)]);
  assert.equal(scanWal(late).kind, 'damaged');
  assert.equal(scanWal(late.slice(0, -1)).kind, 'damaged', 'cut as well');
});

test('whatever follows, a scan neither throws nor loses or invents records', () => {
  const groups = fc.array(fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 3 }), {
    maxLength: 5,
  });
  fc.assert(
    fc.property(groups, fc.uint8Array({ maxLength: 40 }), (held, garbage) => {
      const scan = scanWal(concatBytes([logOf(...held), garbage]));
      if (scan.kind === 'damaged') return;
      assert.deepEqual(scan.records, held.flat());
      assert.equal(scan.nextSequence, held.length);
    }),
  );
});
