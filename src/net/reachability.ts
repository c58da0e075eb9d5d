/**
 * Whether others can reach this node by themselves, and what follows: a node behind a NAT asks the
 * DHT without serving it and listens at relays; everybody else serves
 * (docs/protocol/joining.md, "Reachability").
 */
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { addressKind } from './address-kinds.ts';

/**
 * `local`: only neighbours on private networks were ever met, and they reach each other.
 * `public`: has a public address that peers, the router or an own interface vouch for.
 * `behind-nat`: talks to public peers and has no address that they could dial.
 */
export type Reachability = 'local' | 'public' | 'behind-nat';

/** The rule above. `remotes` are the remote ends of direct connections. */
export function judgeReachability(
  own: readonly string[],
  remotes: readonly string[],
): Reachability {
  const isPublic = (address: string) => addressKind(address) === 'public';
  if (own.some(isPublic)) return 'public';
  return remotes.some(isPublic) ? 'behind-nat' : 'local';
}

/** What libp2p hands to a service, as far as this one needs it. */
export interface ReachabilityComponents {
  readonly events: Pick<EventTarget, 'addEventListener' | 'removeEventListener'>;
  readonly addressManager: {
    getAddresses(): Multiaddr[];
    confirmObservedAddr(address: Multiaddr, options: { type: 'transport' }): void;
  };
  readonly connectionManager: {
    getConnections(): { readonly remoteAddr: Multiaddr; readonly limits?: unknown }[];
  };
  readonly transportManager: {
    getAddrs(): Multiaddr[];
    listen(addresses: Multiaddr[]): Promise<void>;
  };
}

export interface ReachabilityInit {
  /** Look for relays while behind a NAT: for nodes that others must find. */
  readonly useRelays: boolean;
}

/** Relays held at a time: one may leave without cutting the node off. */
const RELAYS_WANTED = 2;

/** A service of the libp2p node. */
export class ReachabilityWatch {
  readonly #components: ReachabilityComponents;
  readonly #init: ReachabilityInit;
  readonly #listeners = new Set<(state: Reachability) => void>();
  #state: Reachability = 'local';
  #hasAskedRelays = false;

  constructor(components: ReachabilityComponents, init: ReachabilityInit) {
    this.#components = components;
    this.#init = init;
  }

  get state(): Reachability {
    return this.#state;
  }

  /** Called with every change, never twice with the same. */
  onChange(listener: (state: Reachability) => void): void {
    this.#listeners.add(listener);
  }

  start(): void {
    const { events } = this.#components;
    events.addEventListener('transport:listening', this.#trustInterfaces);
    events.addEventListener('connection:open', this.#judge);
    events.addEventListener('self:peer:update', this.#judge);
  }

  stop(): void {
    const { events } = this.#components;
    events.removeEventListener('transport:listening', this.#trustInterfaces);
    events.removeEventListener('connection:open', this.#judge);
    events.removeEventListener('self:peer:update', this.#judge);
  }

  /**
   * A public address of an own interface counts until dial-backs of peers fail; libp2p would keep
   * it to itself until four peers have dialled it, which the first nodes of a network wait for
   * in vain.
   */
  readonly #trustInterfaces = (): void => {
    const { addressManager, transportManager } = this.#components;
    for (const address of transportManager.getAddrs()) {
      if (addressKind(address.toString()) !== 'public') continue;
      addressManager.confirmObservedAddr(address, { type: 'transport' });
    }
  };

  readonly #judge = (): void => {
    const { addressManager, connectionManager } = this.#components;
    const remotes = connectionManager
      .getConnections()
      .filter((connection) => connection.limits === undefined)
      .map((connection) => connection.remoteAddr.toString());
    const own = addressManager.getAddresses().map((address) => address.toString());
    const state = judgeReachability(own, remotes);
    if (state === this.#state) return;
    this.#state = state;
    for (const listener of this.#listeners) listener(state);
    if (state === 'behind-nat') this.#listenAtRelays();
  };

  /** Once: libp2p then looks for relays by itself, and for others when one is gone. */
  #listenAtRelays(): void {
    if (this.#hasAskedRelays || !this.#init.useRelays) return;
    this.#hasAskedRelays = true;
    const wanted = Array.from({ length: RELAYS_WANTED }, () => multiaddr('/p2p-circuit'));
    this.#components.transportManager.listen(wanted).catch(() => {
      this.#hasAskedRelays = false;
    });
  }
}
