/**
 * Whether too many connections come from one place: whoever has one machine and many identities
 * shall not take all the places of a node, and with them its view of the network
 * (docs/protocol/transport.md, "Crowding"). Pure.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { addressKind, hostOf } from './address-kinds.ts';

/** Of a public address: a household or a small office behind one router. */
export const FROM_ONE_PLACE_MAX = 32;
/** Of an address on a private network, where a rack of nodes may stand behind a gateway. */
export const FROM_ONE_NEIGHBOUR_MAX = 128;
/** Sixteen-bit groups of the IPv6 prefix that one customer has to itself. */
const PREFIX_GROUPS = 4;

/** An IPv4 address or the /64 of an IPv6 one; undefined for this machine, relays and names. */
export function placeOf(address: string): string | undefined {
  const kind = addressKind(address);
  const host = hostOf(address)?.toLowerCase();
  if (host === undefined || kind === 'loopback' || kind === 'relayed') return undefined;
  if (isIPv4(host)) return host;
  if (!isIPv6(host)) return undefined;
  const mapped = host.startsWith('::ffff:') ? host.slice('::ffff:'.length) : '';
  return isIPv4(mapped) ? mapped : groupsOf(host).slice(0, PREFIX_GROUPS).join(':');
}

/** True when one more connection from `address` is one too many beside the open ones. */
export function isCrowded(address: string, open: readonly string[]): boolean {
  const place = placeOf(address);
  if (place === undefined) return false;
  const max = addressKind(address) === 'private' ? FROM_ONE_NEIGHBOUR_MAX : FROM_ONE_PLACE_MAX;
  return open.filter((other) => placeOf(other) === place).length >= max;
}

/** The eight groups of an IPv6 address, `::` filled in, leading zeros dropped. */
function groupsOf(host: string): string[] {
  const [head = '', tail] = host.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const [before, after] = [groups(head), groups(tail ?? '')];
  const missing = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const all = [...before, ...Array.from({ length: missing }, () => '0'), ...after];
  return all.map((group) => group.replace(/^0+(?=.)/, ''));
}
