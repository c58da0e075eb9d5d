/**
 * Whom this host lets in, dials and relays for: nobody whom its standing denies, and of each peer
 * only so many relayed connections a minute (docs/protocol/joining.md, "Relays").
 */
import type { ConnectionGater } from '@libp2p/interface';
import type { Clock } from '../base/ports.ts';
import { PeerBudgets } from './peer-budgets.ts';
import type { PeerStanding } from './peer-standing.ts';
import { RELAY_LIMITS } from './protocols.ts';

export function gaterOf(standing: PeerStanding, clock: Clock): ConnectionGater {
  const isDenied = (peer: { toString(): string }) => standing.isDenied(peer.toString());
  const perMinute = RELAY_LIMITS.connectionsPerMinute;
  const relayed = new PeerBudgets({ clock }, { perMinute });
  return {
    denyDialPeer: isDenied,
    denyInboundEncryptedConnection: isDenied,
    denyOutboundEncryptedConnection: isDenied,
    denyInboundRelayReservation: isDenied,
    // Without a rate, a connection's byte limit would be no limit: it can be made again at once.
    denyOutboundRelayedConnection: (source) =>
      isDenied(source) || !relayed.take(source.toString(), 1),
  };
}
