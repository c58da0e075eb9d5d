/**
 * One node process from its settings to its ready line and back: data directory, network, node,
 * API, record for other commands. `up` and the lab's node entry both run through here.
 */
import { KadreError } from '../src/base/errors.ts';
import type { Logger, LogLevel } from '../src/base/ports.ts';
import { randomToken } from '../src/crypto/node/secret.ts';
import { systemClock } from '../src/crypto/node/system-ports.ts';
import { isListenAddress } from '../src/net/listen-address.ts';
import { loadNetwork } from '../src/sdk/load-network.ts';
import type { NodeHooks } from '../src/sim/node-hooks.ts';
import { ROLES, type Role } from '../src/swarm/advert.ts';
import { isBootstrapAddress, type NetworkFile } from '../src/swarm/network-file.ts';
import { JobTable } from './api/job-table.ts';
import { apiRoutes, type Shutdown } from './api/routes.ts';
import { type ApiServer, type ApiServerInit, parseApiAddress, startApi } from './api/server.ts';
import { UploadTable } from './api/upload-table.ts';
import { type DataDir, openDataDir } from './data-dir.ts';
import { drained } from './drain.ts';
import { memberOf } from './held-admission.ts';
import type { ComposeNode, NodeConfig, RunningNode } from './node-facade.ts';
import { publishNode } from './node-record.ts';
import { parseHours } from './share-hours.ts';

/** A node's settings after flags, environment, file and defaults have been merged. */
export interface NodeSettings {
  readonly dataDir: string;
  /** Built-in name or network file. */
  readonly network: string;
  readonly listen: readonly string[];
  /** Empty: the network file's list. */
  readonly bootstrap: readonly string[];
  readonly roles: string;
  readonly share: number;
  /** Content that the blob store may hold. */
  readonly storeBytes: number;
  /** GiB of memory for the swarm; undefined: its share of the machine's. */
  readonly memory?: number | undefined;
  /** `22-7`, or empty: always. */
  readonly hours?: string | undefined;
  readonly gpu: boolean;
  readonly mdns: boolean;
  readonly upnp: boolean;
  readonly announce: readonly string[];
  /** For a network that admits by invitation; kept in the data directory once given. */
  readonly invitation?: string | undefined;
  /** HOST:PORT of the API. */
  readonly api: string;
  readonly logLevel: LogLevel;
}

/** The line that `up --json` prints when the node can be used (contract.md). */
export interface ReadyLine {
  readonly v: 1;
  readonly event: 'ready';
  readonly peerId: string;
  readonly addrs: readonly string[];
  readonly api: string;
  readonly tokenFile: string;
  readonly dataDir: string;
  readonly backend: string;
  readonly pid: number;
}

export interface ServingNode {
  readonly node: RunningNode;
  readonly ready: ReadyLine;
  /** Resolves when POST /v1/shutdown asked for the end. */
  readonly shutdownAsked: Promise<void>;
  /** Drains and stops everything, newest first; idempotent. */
  stop(): Promise<void>;
}

export interface ServeOptions {
  readonly compose: ComposeNode;
  readonly log: Logger;
  readonly hooks?: NodeHooks;
  /** Ends the solving of a network's puzzle. */
  readonly signal?: AbortSignal;
}

/**
 * Errors: USAGE, BAD_CONFIG, NOT_INVITED, DATA_DIR_*, PORT_TAKEN, DISK_FAILED, and compose's own.
 */
export async function serveNode(
  settings: NodeSettings,
  options: ServeOptions,
): Promise<ServingNode> {
  const address = parseApiAddress(settings.api);
  const roles = parseRoles(settings.roles);
  checkAddresses(settings);
  parseHours(settings.hours ?? '');
  const network = await loadNetwork(settings.network);
  const undo: (() => Promise<void>)[] = [];
  const unwind = async () => {
    // One part that does not stop must not keep the lock from being given back.
    for (const step of undo.splice(0).reverse()) {
      await step().catch((cause: Error) =>
        options.log.log('error', 'stop', { why: cause.message }),
      );
    }
  };
  try {
    const dataDir = await openDataDir(settings.dataDir);
    undo.push(() => dataDir.release());
    const { hooks, signal, log } = options;
    const membership = await memberOf(network, dataDir, { ...settings, signal });
    const facts = { dataDir, membership, roles, log };
    const node = await options.compose(configOf(settings, network, facts), hooks);
    undo.push(() => node.stop());
    const token = randomToken();
    const stopping = new AbortController();
    undo.push(async () => stopping.abort());
    const apiInit = { ...address, token, log, stopping: stopping.signal };
    const { api, asked } = await openApi(node, apiInit);
    undo.push(() => api.close());
    const record = { v: 1, pid: process.pid, api: api.url, startedMs: Date.now() } as const;
    undo.push(await publishNode(dataDir.path, record, token));
    let unwound: Promise<void> | undefined;
    return {
      node,
      shutdownAsked: asked,
      ready: readyLine(node, api, dataDir),
      stop: () => {
        unwound ??= unwind();
        return unwound;
      },
    };
  } catch (cause) {
    await unwind();
    throw cause;
  }
}

function configOf(
  settings: NodeSettings,
  network: NetworkFile,
  facts: Pick<NodeConfig, 'membership' | 'roles' | 'log'> & { readonly dataDir: DataDir },
): NodeConfig {
  const { listen, share, storeBytes, gpu, mdns, upnp, announce, memory } = settings;
  const { dataDir, ...others } = facts;
  return {
    ...others,
    ...{ listen, share, storeBytes, gpu, mdns, upnp, announce },
    memoryBytes: memory === undefined ? undefined : Math.floor(memory * 2 ** 30),
    hours: parseHours(settings.hours ?? ''),
    dataDir: dataDir.path,
    identitySeed: dataDir.identitySeed,
    networkId: network.id,
    networkName: network.name,
    bootstrap: settings.bootstrap.length > 0 ? settings.bootstrap : network.bootstrap,
    rendezvous: network.rendezvous,
    policy: network.policy,
    members: network.members,
  };
}

function readyLine(node: RunningNode, api: ApiServer, dataDir: DataDir): ReadyLine {
  const { peerId, addrs, backend } = node;
  return {
    v: 1,
    event: 'ready',
    peerId,
    addrs,
    api: api.url,
    tokenFile: dataDir.files.apiToken,
    dataDir: dataDir.path,
    backend,
    pid: process.pid,
  };
}

interface ServedApiInit extends Omit<ApiServerInit, 'routes'> {
  /** The node stops, drained or not. */
  readonly stopping: AbortSignal;
}

/** The API over a node, and the promise that someone asked it to shut down. */
async function openApi(node: RunningNode, init: ServedApiInit) {
  const asked = Promise.withResolvers<void>();
  const [jobs, uploads] = [new JobTable(), new UploadTable()];
  const shutdown = ({ drain }: Shutdown) => {
    if (!drain) return asked.resolve();
    const quiet = drained(node, { clock: systemClock }, { signal: init.stopping });
    quiet.then(asked.resolve, () => undefined);
  };
  const routes = apiRoutes({ node, jobs, uploads, shutdown });
  return { api: await startApi({ ...init, routes }), asked: asked.promise };
}

/** `worker,cadre` as roles. Errors: USAGE. */
export function parseRoles(text: string): readonly Role[] {
  const names = text.split(',').map((name) => name.trim());
  const wrong = names.find((name) => !(ROLES as readonly string[]).includes(name));
  if (wrong !== undefined) {
    const advice = `choose from ${ROLES.join(', ')}, separated by commas`;
    throw new KadreError({ code: 'USAGE', advice }, `unknown role \`${wrong.slice(0, 32)}\``);
  }
  return [...new Set(names)] as Role[];
}

function checkAddresses(settings: NodeSettings): void {
  const wrongBootstrap = settings.bootstrap.find((address) => !isBootstrapAddress(address));
  if (wrongBootstrap !== undefined) {
    const advice = 'take an address from the ready line of a running node';
    const message = `--bootstrap ${wrongBootstrap} does not end in /p2p/<peer id>`;
    throw new KadreError({ code: 'USAGE', advice }, message);
  }
  const wrongAnnounce = settings.announce.find((address) => !isListenAddress(address));
  if (wrongAnnounce !== undefined) {
    const advice = 'for example /dns4/node.example.org/tcp/4001';
    const message = `--announce ${wrongAnnounce} is no TCP multiaddr`;
    throw new KadreError({ code: 'USAGE', advice }, message);
  }
  const wrongListen = settings.listen.find((address) => !isListenAddress(address));
  if (wrongListen !== undefined) {
    const advice = 'for example /ip4/0.0.0.0/tcp/4001';
    throw new KadreError({ code: 'USAGE', advice }, `--listen ${wrongListen} is no TCP multiaddr`);
  }
}
