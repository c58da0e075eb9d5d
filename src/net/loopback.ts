/**
 * A node that talks to itself: it may be requester, worker and member at once, and its roles must
 * not care. The handler is called directly, in a later turn, with a copy of the bytes.
 */
import { KadreError } from '../base/errors.ts';
import type { PeerId } from '../base/ids.ts';
import type { ProtocolHandler, ProtocolName, RequestOptions, SignalOption } from '../base/ports.ts';
import { throwIfAborted } from '../base/signals.ts';
import { decodeRemoteError, encodeRemoteError } from './remote-error.ts';

export class Loopback {
  readonly #self: PeerId;
  readonly #handlerOf: (protocol: ProtocolName) => ProtocolHandler | undefined;

  constructor(self: PeerId, handlerOf: (protocol: ProtocolName) => ProtocolHandler | undefined) {
    this.#self = self;
    this.#handlerOf = handlerOf;
  }

  async request(
    protocol: ProtocolName,
    body: Uint8Array,
    options: RequestOptions,
  ): Promise<Uint8Array> {
    throwIfAborted(options.signal);
    const copy = body.slice();
    await Promise.resolve();
    try {
      const handler = this.#handlerOf(protocol);
      if (handler?.request === undefined) throw noHandler();
      return (await handler.request(this.#self, copy, { signal: options.signal })).slice();
    } catch (cause) {
      throw this.#asRemote(cause);
    }
  }

  send(protocol: ProtocolName, body: Uint8Array): void {
    const copy = body.slice();
    queueMicrotask(() => this.#handlerOf(protocol)?.message?.(this.#self, copy));
  }

  async *openStream(
    protocol: ProtocolName,
    body: Uint8Array,
    options: SignalOption,
  ): AsyncGenerator<Uint8Array, void> {
    throwIfAborted(options.signal);
    try {
      const handler = this.#handlerOf(protocol);
      if (handler?.stream === undefined) throw noHandler();
      for await (const piece of handler.stream(this.#self, body.slice(), options)) {
        throwIfAborted(options.signal);
        yield piece.slice();
      }
    } catch (cause) {
      throwIfAborted(options.signal);
      throw this.#asRemote(cause);
    }
  }

  /** The same error that a caller on another machine would see. */
  #asRemote(cause: unknown): KadreError {
    return decodeRemoteError(this.#self, encodeRemoteError(cause));
  }
}

function noHandler(): KadreError {
  return new KadreError({ code: 'PEER_REFUSED' }, 'no handler for this protocol');
}
