/** `connect`: to a running node's API, or into a swarm as an embedded client. */
import { KadreError } from '../base/errors.ts';
import type { NetworkFile } from '../swarm/network-file.ts';
import { connectApi } from './api-swarm.ts';
import { composeClient } from './compose-client.ts';
import { loadNetwork } from './load-network.ts';
import type { ConnectOptions, Swarm } from './types.ts';

/**
 * Errors: USAGE when `api` and `bootstrap` are both given, BAD_CONFIG for the network file,
 * NOT_INVITED where it admits by invitation, NODE_UNREACHABLE and API_DENIED for an API.
 *
 * @example
 * const swarm = await connect({ bootstrap: ['/ip4/127.0.0.1/tcp/4001/p2p/12D3KooW...'] });
 * const job = await swarm.submit('gemm.f32@1', { inputs: { a, b }, shards: 16 });
 * const { outputs, certificate } = await job.result();
 */
export async function connect(options: ConnectOptions = {}): Promise<Swarm> {
  const { api, bootstrap, token, signal, identitySeed, listen, invitation } = options;
  if (api !== undefined && bootstrap !== undefined) {
    throw new KadreError({ code: 'USAGE' }, 'give either `api` or `bootstrap`, not both');
  }
  if (api !== undefined) return connectApi({ url: api, token, signal });
  const network: NetworkFile = await loadNetwork(options.network ?? 'public');
  return composeClient({
    network,
    bootstrap: bootstrap ?? network.bootstrap,
    identitySeed,
    invitation,
    listen,
    signal,
  });
}
