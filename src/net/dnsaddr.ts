/**
 * DNS multiaddrs: `/dnsaddr/NAME` stands for the addresses in the TXT records of
 * `_dnsaddr.NAME`, so that a network's list can change without a new network file
 * (docs/protocol/joining.md, "Sources"). Answers are a stranger's bytes: everything is bounded, and
 * what is no address is dropped.
 */
import { isBootstrapAddress } from '../swarm/network-file.ts';

/** All TXT records of a name, each as its parts. */
export type ResolveTxt = (name: string) => Promise<readonly (readonly string[])[]>;

const ADDRESSES_MAX = 32;
const RECORDS_MAX = 64;
/** A record may name another `/dnsaddr`, as libp2p's public list does. */
const DEPTH_MAX = 2;
const PREFIX = '/dnsaddr/';
const TXT_PREFIX = 'dnsaddr=';

/**
 * The addresses that a list stands for, each ending in /p2p/<peer id>; others pass unchanged. A
 * name that does not resolve costs only itself: `onFailure` is told.
 */
export async function expandDnsaddrs(
  addresses: readonly string[],
  resolve: ResolveTxt,
  onFailure: (name: string, cause: unknown) => void,
): Promise<string[]> {
  const found = new Set<string>();
  const expand = async (address: string, depth: number): Promise<void> => {
    if (!address.startsWith(PREFIX)) {
      if (found.size < ADDRESSES_MAX) found.add(address);
      return;
    }
    if (depth >= DEPTH_MAX) return;
    const { name, peer } = partsOf(address);
    const records = await resolve(`_dnsaddr.${name}`).catch((cause) => {
      onFailure(name, cause);
      return [];
    });
    const texts = records.slice(0, RECORDS_MAX).map((parts) => parts.join(''));
    for (const text of texts) {
      const next = text.startsWith(TXT_PREFIX) ? text.slice(TXT_PREFIX.length) : '';
      if (!isBootstrapAddress(next)) continue;
      if (peer === undefined || next.endsWith(`/p2p/${peer}`)) await expand(next, depth + 1);
    }
  };
  for (const address of addresses) await expand(address, 0);
  return [...found];
}

/** `/dnsaddr/boot.example.org/p2p/12D3…`: the name, and the one peer that is meant, if any. */
function partsOf(address: string): { name: string; peer: string | undefined } {
  const [name = '', , peer] = address.slice(PREFIX.length).split('/');
  return { name, peer };
}
