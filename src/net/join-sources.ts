/**
 * Where a host learns of nodes to join through, beside its bootstrap list: DNS lists, peers of the
 * last run, somebody else's DHT (docs/protocol/joining.md, "Sources").
 */
import { resolveTxt as systemResolveTxt } from 'node:dns/promises';
import type { PrivateKey } from '@libp2p/interface';
import type { Libp2p } from 'libp2p';
import type { JoinSource } from './bootstrap-loop.ts';
import { expandDnsaddrs } from './dnsaddr.ts';
import type { HostComponents, HostInit } from './host.ts';
import type { Libp2pNetwork } from './libp2p-network.ts';
import { isOnLan } from './libp2p-options.ts';
import { PeerMemory } from './peer-memory.ts';
import type { Reachability } from './reachability.ts';
import { isPrivateRendezvous, Rendezvous } from './rendezvous.ts';

export interface JoinSources {
  readonly memory: PeerMemory | undefined;
  readonly rendezvous: Rendezvous | undefined;
  readonly all: readonly JoinSource[];
}

export interface JoinComponents extends HostComponents {
  readonly libp2p: Libp2p;
  readonly privateKey: PrivateKey;
}

export function joinSources(components: JoinComponents, init: HostInit): JoinSources {
  const { clock, logger, libp2p, privateKey, resolveTxt = systemResolveTxt } = components;
  const { remembered, rendezvous: rule, networkId } = init;
  const memory = remembered && new PeerMemory({ libp2p, clock, logger, store: remembered });
  const rendezvous =
    rule !== undefined && mayMeet(init)
      ? new Rendezvous({ clock, logger, privateKey, resolveTxt }, { networkId, rule })
      : undefined;
  const names = init.bootstrap.filter(isDnsaddr);
  const dns: JoinSource = {
    name: 'dnsaddr',
    find: () =>
      expandDnsaddrs(names, resolveTxt, (name, cause) => {
        logger.log('debug', 'dnsaddr-unresolved', { name, cause: String(cause) });
      }),
  };
  const all = [names.length > 0 ? dns : undefined, memory, rendezvous];
  return { memory, rendezvous, all: all.filter((source) => source !== undefined) };
}

export function isDnsaddr(address: string): boolean {
  return address.startsWith('/dnsaddr/');
}

/** What to leave at the rendezvous: nothing while strangers could not dial it. */
export function meetingAddresses(
  init: HostInit,
  network: Pick<Libp2pNetwork, 'addresses'>,
  reachability: Reachability,
): readonly string[] {
  const isNear = init.rendezvous !== undefined && isPrivateRendezvous(init.rendezvous);
  return init.server && (isNear || reachability === 'public') ? network.addresses() : [];
}

/** A lab on loopback never talks to the world; a stand-in on loopback is part of the lab. */
function mayMeet(init: HostInit): boolean {
  return isOnLan(init) || isPrivateRendezvous(init.rendezvous!);
}
