/**
 * In which order a peer's addresses are tried. A stranger behind a NAT lists private addresses that
 * mean nothing here: trying them first costs seconds each, so they come after its relays
 * (docs/protocol/joining.md, "Dialling").
 */
import { addressKind, hostOf } from './address-kinds.ts';

/** Lower is tried earlier. `networks` are the subnets of this machine's own interfaces. */
export function dialRank(address: string, networks: readonly Subnet[]): number {
  switch (addressKind(address)) {
    case 'public':
      return isWebSocket(address) ? 2 : 1;
    case 'loopback':
      return 3;
    case 'relayed':
      return 4;
    case 'private': {
      const host = hostOf(address)!;
      return networks.some((network) => network.includes(host)) ? 0 : 5;
    }
  }
}

/** The same bytes with an HTTP upgrade in front: only where plain TCP does not get through. */
function isWebSocket(address: string): boolean {
  return /\/wss?(?:\/|$)/.test(address);
}

/** A sorter for addresses that have a text form; equal ranks keep their order. */
export function dialSorter(networks: () => readonly Subnet[]) {
  return <A extends { readonly multiaddr: { toString(): string } }>(a: A, b: A) => {
    const known = networks();
    return sign(dialRank(String(a.multiaddr), known) - dialRank(String(b.multiaddr), known));
  };
}

/** An IPv4 subnet; IPv6 hosts are never inside one, so that they keep their rank. */
export class Subnet {
  readonly #base: number;
  readonly #mask: number;

  constructor(address: string, netmask: string) {
    this.#mask = integerOf(netmask);
    this.#base = integerOf(address) & this.#mask;
  }

  includes(host: string): boolean {
    return /^\d+\.\d+\.\d+\.\d+$/.test(host) && (integerOf(host) & this.#mask) === this.#base;
  }
}

function sign(value: number): -1 | 0 | 1 {
  if (value === 0) return 0;
  return value < 0 ? -1 : 1;
}

function integerOf(dotted: string): number {
  return dotted.split('.').reduce((value, part) => (value << 8) | (Number(part) & 0xff), 0);
}
