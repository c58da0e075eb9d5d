import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KadreError } from '../../../src/base/errors.ts';
import { streamSink } from '../../../src/net/stream-sink.ts';
import { streamSource } from '../../../src/net/stream-source.ts';
import { FakeStream, settle } from '../../support/fake-stream.ts';

const chunk = (bytes: number, fill = 1) => new Uint8Array(bytes).fill(fill);

describe('stream sink', () => {
  it('stops at send() === false and goes on at each drain, not only at the first', async () => {
    const stream = new FakeStream();
    stream.sendAnswers.push(true, false, true, false, true);
    const chunks = [1, 2, 3, 4, 5].map((size) => chunk(size));
    const done = streamSink(stream.asStream())(chunks);
    await settle();
    assert.equal(stream.sent.length, 2);
    stream.drain();
    await settle();
    assert.equal(stream.sent.length, 4);
    stream.drain();
    await done;
    assert.deepEqual(stream.sent, chunks);
    assert.equal(stream.listenerCount, 0);
  });

  it('does not ask its source for more while it waits', async () => {
    const stream = new FakeStream();
    stream.sendAnswers.push(false);
    let asked = 0;
    async function* source() {
      for (; asked < 3; ) {
        asked += 1;
        yield chunk(1);
      }
    }
    const done = streamSink(stream.asStream())(source());
    await settle();
    assert.equal(asked, 1);
    stream.drain();
    await done;
    assert.equal(asked, 3);
  });

  it('fails when the stream closes while it waits, and closes its source', async () => {
    const stream = new FakeStream();
    stream.sendAnswers.push(false);
    let closed = false;
    async function* source() {
      try {
        for (;;) yield chunk(1);
      } finally {
        closed = true;
      }
    }
    const done = streamSink(stream.asStream())(source());
    done.catch(() => undefined);
    await settle();
    stream.reset(new Error('gone'));
    const isUnreachable = (cause: unknown) =>
      cause instanceof KadreError && cause.code === 'PEER_UNREACHABLE';
    await assert.rejects(done, isUnreachable);
    assert.ok(closed);
    assert.equal(stream.listenerCount, 0);
  });

  it('fails on a stream that is already closed', async () => {
    const stream = new FakeStream();
    stream.reset(undefined);
    await assert.rejects(streamSink(stream.asStream())([chunk(1)]));
    assert.equal(stream.sent.length, 0);
  });
});

describe('stream source', () => {
  it('pauses a stream whose reader is behind and resumes it when it caught up', async () => {
    const stream = new FakeStream();
    const source = streamSource(stream.asStream());
    const first = source.next();
    for (let i = 0; i < 5; i++) stream.receive(chunk(100_000, i));
    assert.deepEqual(stream.calls, ['pause']);
    assert.equal((await first).value?.byteLength, 100_000);
    for (let i = 0; i < 4; i++) await source.next();
    assert.deepEqual(stream.calls, ['pause', 'resume']);
    stream.end();
    assert.ok((await source.next()).done);
    assert.equal(stream.listenerCount, 0);
  });

  it('hands over everything that arrived before an orderly close, paused or not', async () => {
    const stream = new FakeStream();
    const source = streamSource(stream.asStream());
    const first = source.next();
    for (let i = 0; i < 6; i++) stream.receive(chunk(100_000, i));
    stream.reset(undefined);
    const got = [(await first).value];
    for await (const piece of source) got.push(piece);
    const firstBytes = got.map((piece) => (piece as Uint8Array)[0]);
    assert.deepEqual(firstBytes, [0, 1, 2, 3, 4, 5]);
  });

  it('throws what reset the stream, after what had arrived', async () => {
    const stream = new FakeStream();
    const source = streamSource(stream.asStream());
    const first = source.next();
    stream.receive(chunk(1));
    stream.reset(new Error('reset by peer'));
    assert.ok(!(await first).done);
    await assert.rejects(source.next(), /reset by peer/);
    assert.equal(stream.listenerCount, 0);
  });

  it('ends at once on a stream that has ended', async () => {
    const stream = new FakeStream();
    stream.end();
    assert.ok((await streamSource(stream.asStream()).next()).done);
  });
});
