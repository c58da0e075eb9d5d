/**
 * The requesting end of one kept-open stream to one peer for one protocol. Requests, messages and
 * cancellations go out in the order they were made; answers find their request by id
 * (docs/protocol/transport.md, "Channels"). A channel lives as long as its stream: when the stream
 * breaks every waiting request fails, and the network makes a new channel for the next one.
 */
import type { Stream } from '@libp2p/interface';
import { pipe } from 'it-pipe';
import { KadreError } from '../base/errors.ts';
import type { PeerId } from '../base/ids.ts';
import type { Clock, RequestOptions } from '../base/ports.ts';
import { throwIfAborted } from '../base/signals.ts';
import type { Checked, Refusal } from '../base/verdict.ts';
import { checkedFrames, FRAME_ID_MAX, FRAME_KINDS, type Frame } from './envelope.ts';
import { Outbox } from './outbox.ts';
import { decodeRemoteError } from './remote-error.ts';
import { streamSink } from './stream-sink.ts';
import { streamSource } from './stream-source.ts';

export interface OutgoingChannelComponents {
  readonly clock: Clock;
  /** Opens the stream; called once. */
  open(): Promise<Stream>;
  /** The channel is over, whatever the reason; called once. */
  onClosed(): void;
  /** The peer sent bytes that it must not. */
  onMisbehaviour(refusal: Refusal): void;
}

export interface OutgoingChannelInit {
  readonly peer: PeerId;
  readonly bodyBytesMax: number;
  readonly requestsMax: number;
  readonly queuedFramesMax: number;
  readonly queuedBytesMax: number;
}

interface Waiting {
  resolve(body: Uint8Array): void;
  reject(cause: unknown): void;
}

const REQUEST_TIMEOUT_MS = 10_000;

export class OutgoingChannel {
  readonly #components: OutgoingChannelComponents;
  readonly #init: OutgoingChannelInit;
  readonly #outbox: Outbox;
  readonly #waiting = new Map<number, Waiting>();
  #stream: Stream | undefined;
  #closed = false;
  #nextId = 1;

  constructor(components: OutgoingChannelComponents, init: OutgoingChannelInit) {
    this.#components = components;
    this.#init = init;
    this.#outbox = new Outbox({ framesMax: init.queuedFramesMax, bytesMax: init.queuedBytesMax });
  }

  /** Opens the stream and pumps both directions; frames may be queued from before. */
  async run(): Promise<void> {
    try {
      const stream = await this.#components.open();
      this.#stream = stream;
      if (this.#closed) return stream.abort(this.#broken());
      const written = pipe(this.#outbox, streamSink(stream));
      const read = pipe(
        streamSource(stream),
        checkedFrames(this.#init.bodyBytesMax),
        (frames: AsyncIterable<Checked<Frame>>) => this.#readAll(frames),
      );
      await Promise.race([written, read]);
      this.close(this.#broken());
      await Promise.allSettled([written, read]);
    } catch (cause) {
      this.close(this.#broken(cause));
    }
  }

  /** Fails with PEER_UNREACHABLE, OVERLOADED, or what the peer answered. */
  request(body: Uint8Array, options: RequestOptions): Promise<Uint8Array> {
    const { signal, timeoutMs = REQUEST_TIMEOUT_MS } = options;
    return new Promise((resolve, reject) => {
      throwIfAborted(signal);
      const id = this.#takeId();
      const settled = () => {
        timer.cancel();
        signal?.removeEventListener('abort', onAbort);
        return this.#waiting.delete(id);
      };
      const abandon = (cause: unknown) => {
        if (settled()) this.#outbox.offer(FRAME_KINDS.cancel, id, new Uint8Array(0));
        reject(cause);
      };
      const onAbort = () => {
        try {
          throwIfAborted(signal);
        } catch (cause) {
          abandon(cause);
        }
      };
      if (!this.#outbox.offer(FRAME_KINDS.request, id, body)) throw this.#overloaded();
      const timer = this.#components.clock.setTimer(timeoutMs, () =>
        abandon(this.#late(timeoutMs)),
      );
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.set(id, {
        resolve: (answer) => settled() && resolve(answer),
        reject: (cause) => settled() && reject(cause),
      });
    });
  }

  /** False when the message was dropped. */
  message(body: Uint8Array): boolean {
    return !this.#closed && this.#outbox.offer(FRAME_KINDS.message, 0, body);
  }

  close(cause: KadreError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#outbox.close();
    this.#stream?.abort(cause);
    for (const waiting of [...this.#waiting.values()]) waiting.reject(cause);
    this.#components.onClosed();
  }

  async #readAll(frames: AsyncIterable<Checked<Frame>>): Promise<void> {
    for await (const frame of frames) {
      const refusal = frame.ok ? this.#onFrame(frame.value) : frame;
      if (refusal === undefined) continue;
      this.#components.onMisbehaviour(refusal);
      return;
    }
  }

  #onFrame(frame: Frame): Refusal | undefined {
    // An id that nobody waits for is an answer that came after its deadline.
    const waiting = this.#waiting.get(frame.id);
    if (frame.kind === FRAME_KINDS.response) {
      waiting?.resolve(frame.body);
      return undefined;
    }
    if (frame.kind === FRAME_KINDS.error) {
      waiting?.reject(decodeRemoteError(this.#init.peer, frame.body));
      return undefined;
    }
    return { ok: false, penalty: 'reject', reason: 'frame-kind-unexpected' };
  }

  #takeId(): number {
    if (this.#closed) throw this.#broken();
    if (this.#waiting.size >= this.#init.requestsMax) throw this.#overloaded();
    while (this.#waiting.has(this.#nextId)) this.#advanceId();
    const id = this.#nextId;
    this.#advanceId();
    return id;
  }

  #advanceId(): void {
    this.#nextId = this.#nextId === FRAME_ID_MAX ? 1 : this.#nextId + 1;
  }

  #broken(cause?: unknown): KadreError {
    const { peer } = this.#init;
    if (cause instanceof KadreError && cause.peer !== undefined) return cause;
    const detail = cause instanceof Error ? `: ${cause.message}` : '';
    const init = { code: 'PEER_UNREACHABLE', peer } as const;
    return new KadreError(init, `the stream to ${peer} broke${detail}`, { cause });
  }

  #late(timeoutMs: number): KadreError {
    const { peer } = this.#init;
    const init = { code: 'PEER_UNREACHABLE', peer, data: { timeoutMs } } as const;
    return new KadreError(init, `no answer from ${peer} within ${timeoutMs} ms`);
  }

  #overloaded(): KadreError {
    const { peer } = this.#init;
    return new KadreError({ code: 'OVERLOADED', peer }, `too much is waiting for ${peer}`);
  }
}
