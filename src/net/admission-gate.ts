/**
 * Whom a network that admits by rule lets onto its streams (docs/protocol/transport.md,
 * "Admission"). Each end shows its proof in the agent version of libp2p's identify, which every
 * connection begins with: no protocol of the network is served or asked before the proof held, and
 * a peer without one is cut off. Adverts carry the proof again, for those who never meet the node.
 */
import type { Connection, IdentifyResult, Stream, StreamHandler } from '@libp2p/interface';
import type { Libp2p } from 'libp2p';
import { fromHex, toHex } from '../base/bytes.ts';
import { KadreError } from '../base/errors.ts';
import { nodeIdOf, SIGNATURE_BYTES } from '../base/ids.ts';
import type { Clock, Logger } from '../base/ports.ts';
import { type Refusal, refuse } from '../base/verdict.ts';
import { checkAdmission, type Membership } from '../swarm/admission.ts';
import type { Admission } from '../swarm/advert.ts';
import type { PeerStanding } from './peer-standing.ts';

const AGENT = 'kadre';
const SHOWN = /^kadre (open|invite)=([0-9a-f]+)$/;
/** Identify is the first thing that libp2p does on a connection, and takes a round trip. */
const SHOW_WITHIN_MS = 10_000;
/** Streams of one connection that may wait for its proof: each may fill a window meanwhile. */
export const WAITING_MAX = 16;

/** What identify says of this node to whoever connects. */
export function agentVersionOf({ own }: Membership): string {
  return own === undefined ? AGENT : `${AGENT} ${own.kind}=${toHex(own.proof)}`;
}

/** What a peer showed; undefined when that is no proof. */
export function shownIn(agentVersion: string | undefined): Admission | undefined {
  const [, kind, hex] = SHOWN.exec(agentVersion ?? '') ?? [];
  const proof = hex?.length === 2 * SIGNATURE_BYTES ? fromHex(hex) : undefined;
  return proof === undefined ? undefined : { kind: kind as Admission['kind'], proof };
}

export interface AdmissionGateComponents {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly standing: PeerStanding;
}

export interface AdmissionGateInit {
  readonly networkId: string;
  readonly membership: Membership;
}

interface Place {
  /** Rejects with PEER_REFUSED when the peer does not belong to the network. */
  readonly shown: Promise<void>;
  isOpen: boolean;
  waiting: number;
  settle(refusal: Refusal | undefined): void;
}

export class AdmissionGate {
  readonly #components: AdmissionGateComponents;
  readonly #init: AdmissionGateInit;
  readonly #places = new WeakMap<Connection, Place>();
  #libp2p: Libp2p | undefined;

  constructor(components: AdmissionGateComponents, init: AdmissionGateInit) {
    this.#components = components;
    this.#init = init;
  }

  /** Before the host starts. */
  start(libp2p: Libp2p): void {
    if (!this.#isAsked) return;
    this.#libp2p = libp2p;
    libp2p.addEventListener('connection:open', this.#onOpen);
    libp2p.addEventListener('peer:identify', this.#onIdentify);
  }

  stop(): void {
    this.#libp2p?.removeEventListener('connection:open', this.#onOpen);
    this.#libp2p?.removeEventListener('peer:identify', this.#onIdentify);
  }

  /** Resolves once the other end has shown that it belongs here. Errors: PEER_REFUSED. */
  async admitted(connection: Connection): Promise<void> {
    if (this.#isAsked) await this.#placeOf(connection).shown;
  }

  /** A handler whose streams wait for their connection's proof. */
  guarded(handler: StreamHandler): StreamHandler {
    if (!this.#isAsked) return handler;
    return async (stream, connection) => {
      if (await this.#mayServe(stream, connection)) await handler(stream, connection);
    };
  }

  get #isAsked(): boolean {
    return this.#init.membership.rule.kind !== 'none';
  }

  async #mayServe(stream: Stream, connection: Connection): Promise<boolean> {
    const place = this.#placeOf(connection);
    if (place.isOpen) return true;
    if (place.waiting >= WAITING_MAX) {
      stream.abort(new KadreError({ code: 'OVERLOADED' }, 'too many streams before a proof'));
      return false;
    }
    place.waiting += 1;
    try {
      await place.shown;
      return true;
    } catch (cause) {
      stream.abort(cause as Error);
      return false;
    } finally {
      place.waiting -= 1;
    }
  }

  readonly #onOpen = (event: CustomEvent<Connection>): void => {
    this.#placeOf(event.detail);
  };

  readonly #onIdentify = (event: CustomEvent<IdentifyResult>): void => {
    const { connection, agentVersion } = event.detail;
    const { networkId, membership } = this.#init;
    const node = nodeIdOf(connection.remotePeer.toString());
    const refusal =
      node === undefined
        ? refuse('bad-node-id')
        : checkAdmission(membership.rule, networkId, node, shownIn(agentVersion));
    this.#placeOf(connection).settle(refusal);
  };

  /** Given up when the connection has shown nothing for too long. */
  #placeOf(connection: Connection): Place {
    const held = this.#places.get(connection);
    if (held !== undefined) return held;
    const { promise: shown, resolve, reject } = Promise.withResolvers<void>();
    // Of most connections nobody waits for the proof.
    shown.catch(() => undefined);
    let isSettled = false;
    const place: Place = {
      shown,
      isOpen: false,
      waiting: 0,
      settle: (refusal) => {
        if (isSettled) return;
        isSettled = true;
        timer.cancel();
        place.isOpen = refusal === undefined;
        if (refusal === undefined) resolve();
        else reject(this.#turnedAway(connection, refusal));
      },
    };
    const timer = this.#components.clock.setTimer(SHOW_WITHIN_MS, () => {
      place.settle(refuse('not-admitted', 'reject', 'it showed nothing'));
    });
    this.#places.set(connection, place);
    return place;
  }

  #turnedAway(connection: Connection, { reason }: Refusal): KadreError {
    const peer = connection.remotePeer.toString();
    const { standing, logger } = this.#components;
    const error = new KadreError(
      { code: 'PEER_REFUSED', peer, data: { reason } },
      `${peer} does not belong to this network: ${reason}`,
    );
    if (connection.status !== 'open') return error;
    standing.book(peer, 'ban', reason);
    logger.log('info', 'peer-not-admitted', { peer, reason });
    connection.abort(error);
    return error;
  }
}

interface Handling {
  readonly registrar: { handle(...of: [string, StreamHandler, object?]): Promise<void> };
}

/** A libp2p service whose own protocols are served behind the gate. */
export function behindGate<C, S>(
  gate: Pick<AdmissionGate, 'guarded'>,
  create: (components: C) => S,
): (components: C) => S {
  return (components) => {
    const { registrar } = components as C & Handling;
    const guarding = Object.create(registrar, {
      handle: {
        value: (protocol: string, handler: StreamHandler, options?: object) =>
          registrar.handle(protocol, gate.guarded(handler), options),
      },
    });
    const seen = new Proxy(components as object, {
      get: (target, name) => (name === 'registrar' ? guarding : Reflect.get(target, name)),
    });
    return create(seen as C);
  };
}
