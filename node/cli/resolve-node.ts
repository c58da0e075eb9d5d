/**
 * Which swarm a command talks to (contract.md, "Jobs"): an explicit `--api` or `--bootstrap` wins,
 * both together are refused; else the node running in `--data`; else the network file.
 */
import { KadreError } from '../../src/base/errors.ts';
import { readIdentity } from '../../src/crypto/node/keystore.ts';
import { ApiClient } from '../../src/sdk/api-client.ts';
import { loadNetwork, requireBootstrap } from '../../src/sdk/load-network.ts';
import type { ConnectOptions } from '../../src/sdk/types.ts';
import { isBootstrapAddress, type NetworkFile } from '../../src/swarm/network-file.ts';
import { dataDirOf, loadConfiguration, networkOf } from '../config.ts';
import { dataDirFiles } from '../data-dir.ts';
import { heldInvitation } from '../held-admission.ts';
import { findNode, findToken } from '../node-record.ts';
import type { CommandContext } from './command.ts';
import type { OptionRow } from './option-table.ts';

export const API_OPTIONS: readonly OptionRow[] = [
  {
    name: 'api',
    kind: 'text',
    placeholder: 'URL',
    default: 'the node running in --data',
    why: 'the API of a running node',
  },
  {
    name: 'token-file',
    kind: 'path',
    placeholder: 'FILE',
    default: "KADRE_API_TOKEN, else this user's record of that port",
    why: "the API's bearer token",
  },
];

export const BOOTSTRAP_OPTION: OptionRow = {
  name: 'bootstrap',
  kind: 'text',
  placeholder: 'MULTIADDR',
  multiple: true,
  why: 'join through these nodes, as a client without a node of its own',
};

/** Wrong combinations and malformed addresses, before anything is dialled. Errors: USAGE. */
export function checkTarget({ arguments: given }: CommandContext): void {
  const api = given.text('api');
  const bootstrap = given.list('bootstrap');
  if (api !== undefined && bootstrap.length > 0) {
    const advice = 'give one of them';
    throw new KadreError({ code: 'USAGE', advice }, '--api and --bootstrap exclude each other');
  }
  if (api !== undefined) new ApiClient({ url: api });
  const wrong = bootstrap.find((address) => !isBootstrapAddress(address));
  if (wrong !== undefined) {
    const advice = 'take an address from the ready line of a running node';
    const message = `--bootstrap ${wrong} does not end in /p2p/<peer id>`;
    throw new KadreError({ code: 'USAGE', advice }, message);
  }
}

/** What `connect` is to be called with. */
export async function resolveSwarm(context: CommandContext): Promise<ConnectOptions> {
  checkTarget(context);
  const { arguments: given, signal } = context;
  const network = networkOf(await loadConfiguration(given, context.env), context.env);
  const bootstrap = given.list('bootstrap');
  if (bootstrap.length > 0) {
    const client = await clientIdentity(await loadNetwork(network), context);
    return { bootstrap, network, signal, ...client };
  }
  const node = await resolveNode(context);
  // Whoever names a network means that one, whichever node happens to run here.
  if (node !== undefined && (given.has('api') || (await isOnNetwork(node, context, network)))) {
    return { api: node.url, ...(node.token === undefined ? {} : { token: node.token }), signal };
  }
  const file = await loadNetwork(network);
  requireBootstrap(file);
  return { network, signal, ...(await clientIdentity(file, context)) };
}

/**
 * Where one is invited by name, a client must be somebody: the identity of the data directory and
 * the invitation that it holds, unless a node runs under that name already.
 */
async function clientIdentity(
  network: NetworkFile,
  { arguments: given, env }: CommandContext,
): Promise<Pick<ConnectOptions, 'identitySeed' | 'invitation'>> {
  if (network.admission.kind !== 'invite') return {};
  const dataDir = dataDirOf(given, env);
  const files = dataDirFiles(dataDir);
  const identitySeed = await readIdentity(files.identity);
  if (identitySeed === undefined || (await findNode(dataDir)) !== undefined) return {};
  const invitation = env.KADRE_INVITATION ?? (await heldInvitation(files, network.id));
  return { identitySeed, ...(invitation !== undefined && { invitation }) };
}

export interface NodeAddress {
  readonly url: string;
  readonly token: string | undefined;
}

/** The node of `--api` or of `--data`; undefined when neither is there. */
export async function resolveNode(context: CommandContext): Promise<NodeAddress | undefined> {
  const { arguments: given, env } = context;
  const api = given.text('api');
  if (api !== undefined) {
    const { url } = new ApiClient({ url: api });
    return { url, token: await findToken(url, { tokenFile: given.text('token-file'), env }) };
  }
  const found = await findNode(dataDirOf(given, env));
  return found === undefined ? undefined : { url: found.record.api, token: found.token };
}

/** A client of the node that must be there. Errors: NODE_UNREACHABLE. */
export async function requireNode(context: CommandContext): Promise<ApiClient> {
  checkTarget(context);
  const node = await resolveNode(context);
  if (node !== undefined) return new ApiClient(node);
  const dataDir = dataDirOf(context.arguments, context.env);
  const advice = 'start one with `kadre up`, or name one with --api or --data';
  throw new KadreError({ code: 'NODE_UNREACHABLE', advice }, `no node is running in ${dataDir}`);
}

async function isOnNetwork(
  node: NodeAddress,
  context: CommandContext,
  network: string,
): Promise<boolean> {
  if (!context.arguments.has('network')) return true;
  const { id } = await loadNetwork(network);
  const status = await new ApiClient(node)
    .json<{ network?: string }>('status', { signal: context.signal })
    .catch(() => undefined);
  return status?.network === id;
}
