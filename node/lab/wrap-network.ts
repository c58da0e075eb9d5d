/** How the lab gets between a node and its network: the port with some methods replaced. */
import type { Network } from '../../src/base/ports.ts';

/** The inner network with some methods replaced. */
export function wrapNetwork(inner: Network, changes: Partial<Network>): Network {
  return {
    self: inner.self,
    addresses: () => inner.addresses(),
    request: (...call) => inner.request(...call),
    send: (...call) => inner.send(...call),
    openStream: (...call) => inner.openStream(...call),
    handle: (...call) => inner.handle(...call),
    addAddresses: (...call) => inner.addAddresses(...call),
    connectedPeers: () => inner.connectedPeers(),
    onDisconnect: (listener) => inner.onDisconnect(listener),
    penalise: (...call) => inner.penalise(...call),
    ...changes,
  };
}
