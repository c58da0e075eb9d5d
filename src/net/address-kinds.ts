/**
 * What a multiaddr's text says about where it leads: through a relay, to the public internet, to a
 * private network, to this machine. Pure; decides nothing (docs/protocol/joining.md, "Addresses").
 */
import { isIPv4, isIPv6 } from 'node:net';

export type AddressKind = 'relayed' | 'public' | 'private' | 'loopback';

/** Of an address to dial, or of a connection's remote end. Names (DNS) count as public. */
export function addressKind(address: string): AddressKind {
  if (address.includes('/p2p-circuit')) return 'relayed';
  const host = hostOf(address);
  if (host === undefined) return 'public';
  if (isIPv4(host)) return kindOfIpv4(host);
  return isIPv6(host) ? kindOfIpv6(host.toLowerCase()) : 'public';
}

/** The literal IP address a multiaddr begins with; undefined for names. */
export function hostOf(address: string): string | undefined {
  return /^\/ip[46]\/([^/%]+)/.exec(address)?.[1];
}

function kindOfIpv4(host: string): AddressKind {
  const [a = 0, b = 0] = host.split('.').map(Number);
  if (a === 127) return 'loopback';
  const isPrivate =
    a === 0 ||
    a === 10 ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 169 && b === 254) ||
    // Shared by carriers for their NATs (RFC 6598): as unreachable from outside as the others.
    (a === 100 && b >= 64 && b < 128);
  return isPrivate ? 'private' : 'public';
}

function kindOfIpv6(host: string): AddressKind {
  if (host === '::1') return 'loopback';
  if (host.startsWith('::ffff:')) return kindOfIpv4(host.slice('::ffff:'.length));
  // Unique local (fc00::/7), link local (fe80::/10), unspecified.
  return /^(?:f[cd]|fe[89ab]|::$)/.test(host) ? 'private' : 'public';
}
