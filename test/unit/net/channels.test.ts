import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ProtocolHandler } from '../../../src/base/ports.ts';
import type { Refusal } from '../../../src/base/verdict.ts';
import { encodeFrame, FRAME_KINDS, type FrameKind } from '../../../src/net/envelope.ts';
import { IncomingChannel } from '../../../src/net/incoming-channel.ts';
import { OutgoingChannel } from '../../../src/net/outgoing-channel.ts';
import { FakeStream, settle } from '../../support/fake-stream.ts';
import { realClock } from '../../support/real-ports.ts';

const none = new Uint8Array(0);
const kinds = FRAME_KINDS;
const sentKinds = (stream: FakeStream) => stream.sent.map((bytes) => bytes[1]);

function incoming(
  handler: ProtocolHandler | undefined,
  init = {},
  mayStream: (bytes: number) => boolean = () => true,
) {
  const stream = new FakeStream();
  const refusals: Refusal[] = [];
  const failures: unknown[] = [];
  const channel = new IncomingChannel(
    {
      clock: realClock,
      handler: () => handler,
      onMisbehaviour: (refusal) => {
        refusals.push(refusal);
      },
      onHandlerFailure: (cause) => {
        failures.push(cause);
      },
      mayStream,
    },
    {
      peer: 'p',
      bodyBytesMax: 1000,
      runningMax: 4,
      queuedBytesMax: 10_000,
      firstFrameMs: 30_000,
      ...init,
    },
  );
  const done = channel.run(stream.asStream());
  const receive = async (kind: FrameKind, id: number, body = none) => {
    await settle(1);
    stream.receive(encodeFrame(kind, id, body));
    await settle();
  };
  return { stream, refusals, failures, done, receive };
}

function outgoing(init = {}) {
  const stream = new FakeStream();
  const refusals: Refusal[] = [];
  let closed = 0;
  const channel = new OutgoingChannel(
    {
      clock: realClock,
      open: async () => stream.asStream(),
      onClosed: () => {
        closed += 1;
      },
      onMisbehaviour: (refusal) => {
        refusals.push(refusal);
      },
    },
    {
      peer: 'p',
      bodyBytesMax: 1000,
      requestsMax: 3,
      queuedFramesMax: 5,
      queuedBytesMax: 10_000,
      ...init,
    },
  );
  return { channel, stream, refusals, closedTimes: () => closed };
}

describe('incoming channel', () => {
  it('answers no more requests at once than its bound, and reads on as they finish', async () => {
    const held: (() => void)[] = [];
    const { stream, receive } = incoming({
      request: () => new Promise((resolve) => held.push(() => resolve(none))),
    });
    for (let id = 1; id <= 7; id++) await receive(kinds.request, id);
    assert.equal(held.length, 4);
    held[0]!();
    await settle();
    assert.equal(held.length, 5);
    assert.deepEqual(sentKinds(stream), [kinds.response]);
  });

  it('refuses a reused id, kinds of its own, and bulk on a channel, then closes', async () => {
    const bad: [FrameKind, string][] = [
      [kinds.response, 'frame-kind-unexpected'],
      [kinds.error, 'frame-kind-unexpected'],
      [kinds.data, 'frame-kind-unexpected'],
      [kinds.open, 'frame-kind-unexpected'],
      [kinds.request, 'request-id-reused'],
    ];
    for (const [kind, reason] of bad) {
      const { refusals, receive, done, stream } = incoming({
        request: () => new Promise(() => undefined),
      });
      await receive(kinds.request, 7);
      await receive(kind, 7);
      await done;
      assert.deepEqual(
        refusals.map((refusal) => refusal.reason),
        [reason],
      );
      assert.notEqual(stream.status, 'open');
    }
  });

  it('cancels what runs when the peer says so or leaves', async () => {
    const signals: (AbortSignal | undefined)[] = [];
    const { stream, receive, done } = incoming({
      request: (_from, _body, options) => {
        signals.push(options.signal);
        return new Promise(() => undefined);
      },
    });
    await receive(kinds.request, 1);
    await receive(kinds.request, 2);
    await receive(kinds.cancel, 1);
    assert.deepEqual(
      signals.map((signal) => signal?.aborted),
      [true, false],
    );
    stream.reset(new Error('gone'));
    await done;
    assert.ok(signals[1]?.aborted);
  });

  it('reports a handler bug once, and a coded refusal never', async () => {
    const { failures, receive, stream } = incoming({
      request: async () => {
        throw new TypeError('bug');
      },
    });
    await receive(kinds.request, 1);
    assert.equal(failures.length, 1);
    assert.deepEqual(sentKinds(stream), [kinds.error]);
  });

  it('gives up on a stream that says nothing, and on no other', async () => {
    const silent = incoming({}, { firstFrameMs: 1 });
    await silent.done;
    assert.deepEqual(silent.refusals, []);
    const spoken = incoming({}, { firstFrameMs: 200 });
    await spoken.receive(kinds.message, 0);
    const later = new Promise((resolve) => realClock.setTimer(300, () => resolve('open')));
    // The timer of the port does not keep the process alive.
    const keep = setTimeout(() => undefined, 10_000);
    assert.equal(await Promise.race([spoken.done, later]), 'open');
    clearTimeout(keep);
  });

  it('ends a bulk answer with a refusal when its budget is used up', async () => {
    let left = 25;
    const handler: ProtocolHandler = {
      stream: async function* () {
        for (;;) yield new Uint8Array(10);
      },
    };
    const { stream, receive } = incoming(handler, {}, (bytes) => {
      left -= bytes;
      return left >= 0;
    });
    await receive(kinds.open, 1);
    await settle();
    assert.deepEqual(sentKinds(stream), [kinds.data, kinds.data, kinds.error]);
  });

  it('stops a bulk answer when the reader resets the stream', async () => {
    let ended = false;
    const { stream, receive, done } = incoming({
      stream: async function* (_from, _body, { signal }) {
        try {
          yield new Uint8Array(10);
          await new Promise<void>((resolve) => {
            signal?.addEventListener('abort', () => resolve(), { once: true });
          });
          yield new Uint8Array(10);
        } finally {
          ended = true;
        }
      },
    });
    await receive(kinds.open, 1);
    assert.deepEqual(sentKinds(stream), [kinds.data]);
    stream.reset(new Error('reader left'));
    await done;
    assert.ok(ended);
  });
});

describe('outgoing channel', () => {
  it('queues from before the stream is open, in order, and refuses beyond its bounds', async () => {
    const { channel, stream } = outgoing();
    const asked = [1, 2, 3].map((byte) => channel.request(Uint8Array.of(byte), {}));
    await assert.rejects(channel.request(none, {}), { code: 'OVERLOADED' });
    assert.ok(channel.message(none));
    assert.ok(channel.message(none));
    assert.ok(!channel.message(none));
    void channel.run();
    await settle();
    assert.equal(stream.sent.length, 1);
    stream.receive(encodeFrame(kinds.response, 3, Uint8Array.of(33)));
    assert.deepEqual(await asked[2], Uint8Array.of(33));
    for (const waiting of asked.slice(0, 2)) waiting.catch(() => undefined);
    channel.message(none);
  });

  it('closes on a frame that no answer has, and fails what waits', async () => {
    const { channel, stream, refusals, closedTimes } = outgoing();
    void channel.run();
    const waiting = channel.request(none, {});
    waiting.catch(() => undefined);
    await settle();
    stream.receive(encodeFrame(kinds.request, 1));
    await assert.rejects(waiting, { code: 'PEER_UNREACHABLE' });
    await settle();
    assert.equal(refusals[0]?.reason, 'frame-kind-unexpected');
    assert.equal(closedTimes(), 1);
    await assert.rejects(channel.request(none, {}), { code: 'PEER_UNREACHABLE' });
    assert.ok(!channel.message(none));
  });

  it('ignores an answer nobody waits for', async () => {
    const { channel, stream, refusals } = outgoing();
    void channel.run();
    await settle();
    stream.receive(encodeFrame(kinds.response, 99));
    const asked = channel.request(none, {});
    await settle();
    stream.receive(encodeFrame(kinds.response, 1, Uint8Array.of(5)));
    assert.deepEqual(await asked, Uint8Array.of(5));
    assert.deepEqual(refusals, []);
  });

  it('fails everything when the stream cannot be opened', async () => {
    const { channel, closedTimes } = outgoing();
    const broken = new OutgoingChannel(
      {
        clock: realClock,
        open: () => Promise.reject(new Error('no route')),
        onClosed: () => undefined,
        onMisbehaviour: () => undefined,
      },
      { peer: 'p', bodyBytesMax: 1, requestsMax: 1, queuedFramesMax: 1, queuedBytesMax: 100 },
    );
    const asked = broken.request(none, {});
    asked.catch(() => undefined);
    await broken.run();
    await assert.rejects(asked, { code: 'PEER_UNREACHABLE', peer: 'p' });
    assert.equal(closedTimes(), 0);
    assert.ok(channel.message(none));
  });
});
