/**
 * The answering end of a stream that a peer opened. Its first frame says what the stream is: an
 * `open` frame makes it one bulk answer, anything else a channel of requests and messages that
 * stays open (docs/protocol/transport.md, "Channels").
 *
 * Bounds: at most `runningMax` requests of one stream are being answered; beyond that, or while the
 * peer does not take its answers, nothing more is read, and back-pressure reaches the sender.
 */
import type { Stream } from '@libp2p/interface';
import { pipe } from 'it-pipe';
import { KadreError } from '../base/errors.ts';
import type { PeerId } from '../base/ids.ts';
import type { Clock, ProtocolHandler, SignalOption } from '../base/ports.ts';
import { type Checked, type Refusal, refuse } from '../base/verdict.ts';
import { checkedFrames, encodeFrame, FRAME_KINDS, type Frame } from './envelope.ts';
import { Outbox } from './outbox.ts';
import { encodeRemoteError } from './remote-error.ts';
import { streamSink } from './stream-sink.ts';
import { streamSource } from './stream-source.ts';

export interface IncomingChannelComponents {
  readonly clock: Pick<Clock, 'setTimer'>;
  /** The protocol's handler at this moment, if any. */
  handler(): ProtocolHandler | undefined;
  onMisbehaviour(refusal: Refusal): void;
  /** A handler threw something that is no coded error: a bug to report. */
  onHandlerFailure(cause: unknown): void;
  /** Takes a piece of a bulk answer out of the peer's budget; false when that is used up. */
  mayStream(bytes: number): boolean;
}

export interface IncomingChannelInit {
  readonly peer: PeerId;
  readonly bodyBytesMax: number;
  readonly runningMax: number;
  readonly queuedBytesMax: number;
  /** A stream whose first frame takes longer is closed: no offence, but its place is wanted. */
  readonly firstFrameMs: number;
}

/** Makes its AbortSignal only when a handler asks for one: most answers never do. */
class Running implements SignalOption {
  #controller: AbortController | undefined;
  #cancelled = false;

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#cancelled) this.#controller.abort();
    return this.#controller.signal;
  }

  cancel(): void {
    this.#cancelled = true;
    this.#controller?.abort();
  }
}

export class IncomingChannel {
  readonly #components: IncomingChannelComponents;
  readonly #init: IncomingChannelInit;
  readonly #outbox: Outbox;
  readonly #running = new Map<number, Running>();
  #wakeReader: (() => void) | undefined;

  constructor(components: IncomingChannelComponents, init: IncomingChannelInit) {
    this.#components = components;
    this.#init = init;
    this.#outbox = new Outbox({ framesMax: init.runningMax * 2, bytesMax: init.queuedBytesMax });
  }

  /** Serves the stream to its end. Never throws. */
  async run(stream: Stream): Promise<void> {
    const silent = this.#components.clock.setTimer(this.#init.firstFrameMs, () => {
      stream.abort(new KadreError({ code: 'STOPPED' }, 'nothing came on this stream'));
    });
    try {
      await pipe(
        streamSource(stream),
        checkedFrames(this.#init.bodyBytesMax),
        (frames: AsyncGenerator<Checked<Frame>>) =>
          this.#serve(
            stream,
            noted(frames, () => silent.cancel()),
          ),
      );
    } catch {
      // The stream broke: the peer is gone or gave up. Its requests are cancelled below.
    } finally {
      silent.cancel();
      this.#outbox.close();
      for (const running of this.#running.values()) running.cancel();
      stream.abort(new KadreError({ code: 'STOPPED' }, 'channel closed'));
    }
  }

  async #serve(stream: Stream, frames: AsyncGenerator<Checked<Frame>>): Promise<void> {
    let writing: Promise<void> | undefined;
    for await (const frame of frames) {
      if (frame.ok && frame.value.kind === FRAME_KINDS.open && writing === undefined) {
        return this.#serveBulk(stream, frame.value, frames);
      }
      // A write that fails means a closed stream, which ends the reading below.
      writing ??= pipe(this.#outbox, streamSink(stream)).catch(() => undefined);
      const refusal = frame.ok ? await this.#onFrame(frame.value) : frame;
      if (refusal === undefined) continue;
      this.#components.onMisbehaviour(refusal);
      return;
    }
  }

  async #onFrame(frame: Frame): Promise<Refusal | undefined> {
    switch (frame.kind) {
      case FRAME_KINDS.request:
        if (this.#running.has(frame.id)) return refuse('request-id-reused');
        await this.#slot();
        this.#answer(frame);
        return undefined;
      case FRAME_KINDS.message:
        this.#deliver(frame);
        return undefined;
      case FRAME_KINDS.cancel:
        this.#running.get(frame.id)?.cancel();
        return undefined;
      default:
        return refuse('frame-kind-unexpected');
    }
  }

  async #slot(): Promise<void> {
    while (this.#running.size >= this.#init.runningMax) {
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
    if (this.#outbox.isFull) await this.#outbox.room();
  }

  #answer(frame: Frame): void {
    const running = new Running();
    this.#running.set(frame.id, running);
    this.#ask(frame.body, running)
      .then(
        (body) => this.#outbox.put(FRAME_KINDS.response, frame.id, body),
        (cause) => {
          this.#report(cause);
          this.#outbox.put(FRAME_KINDS.error, frame.id, encodeRemoteError(cause));
        },
      )
      .finally(() => {
        this.#running.delete(frame.id);
        this.#wakeReader?.();
      });
  }

  async #ask(body: Uint8Array, running: Running): Promise<Uint8Array> {
    const handler = this.#components.handler();
    if (handler?.request === undefined) throw noHandler('requests');
    const answer = await handler.request(this.#init.peer, body, running);
    if (answer.length <= this.#init.bodyBytesMax) return answer;
    throw new KadreError({ code: 'PEER_REFUSED' }, 'the answer is larger than a frame may be');
  }

  #deliver(frame: Frame): void {
    try {
      this.#components.handler()?.message?.(this.#init.peer, frame.body);
    } catch (cause) {
      this.#report(cause);
    }
  }

  async #serveBulk(
    stream: Stream,
    open: Frame,
    rest: AsyncGenerator<Checked<Frame>>,
  ): Promise<void> {
    const cancelled = new AbortController();
    // The asking side sends nothing more: its next event is the end, by itself or by leaving.
    const gone = rest.next().then(
      () => cancelled.abort(),
      () => cancelled.abort(),
    );
    await pipe(this.#bulkFrames(open, cancelled.signal), streamSink(stream));
    await stream.close();
    await gone;
  }

  async *#bulkFrames(open: Frame, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    try {
      const handler = this.#components.handler();
      if (handler?.stream === undefined) throw noHandler('streams');
      for await (const piece of handler.stream(this.#init.peer, open.body, { signal })) {
        if (signal.aborted) return;
        if (!this.#components.mayStream(piece.length)) throw overBudget();
        yield encodeFrame(FRAME_KINDS.data, open.id, piece);
      }
      yield encodeFrame(FRAME_KINDS.end, open.id);
    } catch (cause) {
      if (signal.aborted) return;
      this.#report(cause);
      yield encodeFrame(FRAME_KINDS.error, open.id, encodeRemoteError(cause));
    }
  }

  #report(cause: unknown): void {
    if (!(cause instanceof KadreError)) this.#components.onHandlerFailure(cause);
  }
}

/** The same items; `seen` is told of each. */
async function* noted<T>(items: AsyncGenerator<T>, seen: () => void): AsyncGenerator<T> {
  for await (const item of items) {
    seen();
    yield item;
  }
}

function overBudget(): KadreError {
  return new KadreError({ code: 'PEER_REFUSED' }, 'the budget for bulk on this path is used up');
}

function noHandler(what: string): KadreError {
  return new KadreError({ code: 'PEER_REFUSED' }, `no handler for ${what} of this protocol`);
}
