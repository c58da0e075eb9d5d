/**
 * A protocol's handler as one peer may use it: so many requests and messages a minute, and so many
 * bytes in them (docs/protocol/transport.md, "Budgets"). Far above what any job needs; what is over
 * costs the node a look-up and an error frame, and its peer nothing but the wait.
 */
import { KadreError } from '../base/errors.ts';
import type { PeerId } from '../base/ids.ts';
import type { Clock, ProtocolHandler } from '../base/ports.ts';
import { PeerBudgets } from './peer-budgets.ts';

/** Of one peer over all protocols: 2,000 a second for as long as it likes. */
export const ASKED_PER_MINUTE = 120_000;
export const ASKED_BYTES_PER_MINUTE = 2 * 1024 ** 3;

export class Pace {
  readonly #self: PeerId;
  readonly #asked: PeerBudgets;
  readonly #bytes: PeerBudgets;

  constructor(components: { readonly clock: Pick<Clock, 'monotonicMs'> }, self: PeerId) {
    this.#self = self;
    this.#asked = new PeerBudgets(components, { perMinute: ASKED_PER_MINUTE });
    this.#bytes = new PeerBudgets(components, { perMinute: ASKED_BYTES_PER_MINUTE });
  }

  /** The same handler within the budgets; of what is over, messages are dropped. */
  of(handler: ProtocolHandler): ProtocolHandler {
    const { request, message, stream } = handler;
    return {
      ...(request !== undefined && {
        request: async (from, body, options) => {
          if (!this.#take(from, body)) throw overloaded(from);
          return request.call(handler, from, body, options);
        },
      }),
      ...(message !== undefined && {
        message: (from, body) => {
          if (this.#take(from, body)) message.call(handler, from, body);
        },
      }),
      ...(stream !== undefined && {
        stream: (from, body, options) => {
          if (!this.#take(from, body)) throw overloaded(from);
          return stream.call(handler, from, body, options);
        },
      }),
    };
  }

  /** This node's own requests are nobody's flood. */
  #take(from: PeerId, body: Uint8Array): boolean {
    return (
      from === this.#self || (this.#asked.take(from, 1) && this.#bytes.take(from, body.length))
    );
  }
}

function overloaded(peer: PeerId): KadreError {
  return new KadreError({ code: 'OVERLOADED', peer }, 'more than one peer may ask in a minute');
}
