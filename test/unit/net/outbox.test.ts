import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { concatBytes } from '../../../src/base/bytes.ts';
import { encodeFrame, FRAME_KINDS } from '../../../src/net/envelope.ts';
import { Outbox } from '../../../src/net/outbox.ts';
import { settle } from '../../support/fake-stream.ts';

const { message } = FRAME_KINDS;
const make = (init = {}) => new Outbox({ framesMax: 1000, bytesMax: 1_000_000, ...init });

describe('outbox', () => {
  it('joins what one turn queues into one chunk, in order', async () => {
    const box = make();
    const reader = box[Symbol.asyncIterator]();
    const next = reader.next();
    const bodies = Array.from({ length: 100 }, (_, i) => Uint8Array.of(i));
    for (const [i, body] of bodies.entries()) {
      assert.ok(box.offer(message, i, body));
      // Even over several microtasks of the same turn.
      await Promise.resolve();
    }
    const expected = concatBytes(bodies.map((body, i) => encodeFrame(message, i, body)));
    assert.deepEqual((await next).value, expected);
  });

  it('cuts chunks at their target size; a large frame goes alone', async () => {
    const box = make();
    for (const bytes of [40_000, 20_000, 20_000, 200_000, 10]) {
      box.put(message, 0, new Uint8Array(bytes));
    }
    const sizes: number[] = [];
    for await (const piece of box) {
      sizes.push(piece.length);
      if (sizes.length === 4) box.close();
    }
    assert.deepEqual(sizes, [60_016, 20_008, 200_008, 16]);
  });

  it('refuses beyond either bound and has room again after reading', async () => {
    const byFrames = make({ framesMax: 2 });
    assert.ok(byFrames.offer(message, 0, new Uint8Array(1)));
    assert.ok(byFrames.offer(message, 0, new Uint8Array(1)));
    assert.ok(!byFrames.offer(message, 0, new Uint8Array(1)));
    let roomy = false;
    const room = byFrames.room().then(() => {
      roomy = true;
    });
    await settle();
    assert.ok(!roomy);
    const reader = byFrames[Symbol.asyncIterator]();
    await reader.next();
    void reader.next();
    await room;
    assert.ok(byFrames.offer(message, 0, new Uint8Array(1)));
    const byBytes = make({ bytesMax: 100 });
    assert.ok(byBytes.offer(message, 0, new Uint8Array(100)));
    assert.ok(!byBytes.offer(message, 0, new Uint8Array(0)));
    byBytes.put(message, 0, new Uint8Array(0));
    assert.ok(byBytes.isFull);
  });

  it('ends readers and writers when closed', async () => {
    const box = make({ framesMax: 1 });
    const reading = box[Symbol.asyncIterator]().next();
    box.close();
    assert.ok((await reading).done);
    assert.ok(!box.offer(message, 0, new Uint8Array(0)));
    const full = make({ framesMax: 1 });
    full.put(message, 0, new Uint8Array(0));
    const room = full.room();
    full.close();
    await room;
  });
});
