/** A network by built-in name or file path (contract.md, `--network`). */
import { readFile } from 'node:fs/promises';
import { KadreError } from '../base/errors.ts';
import { suggestion } from '../base/nearest-name.ts';
import { BUILT_IN_NETWORKS, type NetworkFile, parseNetworkFile } from '../swarm/network-file.ts';

/** Errors: BAD_CONFIG. */
export async function loadNetwork(nameOrFile: string): Promise<NetworkFile> {
  const builtIn = Object.hasOwn(BUILT_IN_NETWORKS, nameOrFile)
    ? BUILT_IN_NETWORKS[nameOrFile]
    : undefined;
  if (builtIn !== undefined) return builtIn;
  let text: string;
  try {
    text = await readFile(nameOrFile, 'utf8');
  } catch (cause) {
    const advice =
      suggestion(nameOrFile, Object.keys(BUILT_IN_NETWORKS)) ||
      'give a network file, or one of the built-in names `public` and `local`';
    const message = `cannot read the network file ${nameOrFile}: ${(cause as Error).message}`;
    throw new KadreError({ code: 'BAD_CONFIG', advice }, message, { cause });
  }
  const parsed = parseNetworkFile(text);
  if (parsed.ok) return parsed.value;
  throw new KadreError({ code: 'BAD_CONFIG' }, `${nameOrFile}: ${parsed.detail}`);
}

/**
 * A network that names nobody to join through cannot be joined as a client.
 * Errors: NOT_ENOUGH_PEERS.
 */
export function requireBootstrap(network: NetworkFile): void {
  if (network.bootstrap.length > 0) return;
  const isPublic = network === BUILT_IN_NETWORKS.public;
  const advice = isPublic
    ? 'no public swarm exists yet: name one with --network FILE, --bootstrap or --api'
    : 'add nodes to its `bootstrap` list, or give --bootstrap or --api';
  const message = `the network \`${network.name}\` names no nodes to join through`;
  throw new KadreError({ code: 'NOT_ENOUGH_PEERS', advice }, message);
}
