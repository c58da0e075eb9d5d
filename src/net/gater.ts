/**
 * Whom this host lets in, dials and relays for: nobody whom its standing denies, no
 * crowd from one place, and of each peer only so many relayed connections a minute
 * (docs/protocol/transport.md, "Crowding"; docs/protocol/joining.md, "Relays").
 */
import type { ConnectionGater } from '@libp2p/interface';
import type { Clock } from '../base/ports.ts';
import { isCrowded } from './crowding.ts';
import { PeerBudgets } from './peer-budgets.ts';
import type { PeerStanding } from './peer-standing.ts';
import { RELAY_LIMITS } from './protocols.ts';

export interface GaterComponents {
  readonly standing: PeerStanding;
  readonly clock: Clock;
  /** Remote ends of the open connections, as texts. */
  readonly open: () => readonly string[];
}

export function gaterOf({ standing, clock, open }: GaterComponents): ConnectionGater {
  const isDenied = (peer: { toString(): string }) => standing.isDenied(peer.toString());
  const isOneTooMany = ({ remoteAddr }: { readonly remoteAddr: { toString(): string } }) =>
    isCrowded(remoteAddr.toString(), open());
  const perMinute = RELAY_LIMITS.connectionsPerMinute;
  const relayed = new PeerBudgets({ clock }, { perMinute });
  return {
    denyDialPeer: isDenied,
    denyInboundConnection: isOneTooMany,
    // Again: many may have been on their way when the first was let in.
    denyInboundEncryptedConnection: (peer, connection) =>
      isDenied(peer) || isOneTooMany(connection),
    denyOutboundEncryptedConnection: isDenied,
    denyInboundRelayReservation: isDenied,
    // Without a rate, a connection's byte limit would be no limit: it can be made again at once.
    denyOutboundRelayedConnection: (source) =>
      isDenied(source) || !relayed.take(source.toString(), 1),
  };
}
