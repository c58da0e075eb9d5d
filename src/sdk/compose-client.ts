/**
 * An embedded client: a libp2p host that listens nowhere and serves no DHT queries, with the
 * requester role and a store for its inputs. Its peers reach it over the connections it opened.
 */
import { Lifecycle } from '../base/lifecycle.ts';
import type { Logger, SignalOption } from '../base/ports.ts';
import { throwIfAborted } from '../base/signals.ts';
import { ed25519Verifier, generateSeed, signerFromSeed } from '../crypto/node/keys.ts';
import { silentLogger, systemClock, systemRandom } from '../crypto/node/system-ports.ts';
import { createHost } from '../net/host.ts';
import { composeRoles } from '../roles/compose-roles.ts';
import { MemoryJobStore } from '../store/job-store.ts';
import { LinkedBlobs } from '../store/linked-blobs.ts';
import { MemoryBlobStore } from '../store/memory-blob-store.ts';
import type { NetworkFile } from '../swarm/network-file.ts';
import { EmbeddedSwarm } from './embedded-swarm.ts';
import { OneOffRunner } from './one-off-runner.ts';
import { proveMembership } from './prove-membership.ts';
import type { Swarm } from './types.ts';

export interface ClientInit extends SignalOption {
  readonly network: NetworkFile;
  /** Multiaddrs ending in /p2p/<peer id>. */
  readonly bootstrap: readonly string[];
  readonly identitySeed?: Uint8Array | undefined;
  readonly invitation?: string | undefined;
  /** Multiaddrs; with any, this client is found and dialled like a node. */
  readonly listen?: readonly string[] | undefined;
  readonly log?: Logger;
}

const STOP_TIMEOUT_MS = 2_000;

/**
 * Resolves at once, after any puzzle of the network's is solved; whether anybody answers shows when
 * a job looks for peers. Errors: NOT_INVITED.
 */
export async function composeClient(init: ClientInit): Promise<Swarm> {
  throwIfAborted(init.signal);
  const { network: file, bootstrap, listen = [], log = silentLogger } = init;
  const seed = init.identitySeed ?? generateSeed();
  const signer = signerFromSeed(seed);
  const { invitation, signal } = init;
  const membership = await proveMembership(file, signer, { invitation, signal });
  const host = await createHost(
    { clock: systemClock, random: systemRandom, logger: log },
    { seed, networkId: file.id, membership, listen, bootstrap, server: listen.length > 0 },
  );
  const store = new MemoryBlobStore();
  const blobs = new LinkedBlobs({ store, clock: systemClock });
  const { network, directory } = host;
  const ports = {
    network,
    directory,
    blobs,
    jobs: new MemoryJobStore(),
    signer,
    log,
    clock: systemClock,
    random: systemRandom,
    verifier: ed25519Verifier,
  };
  const roles = composeRoles(ports, { networkId: file.id, membership });
  const hostService = { name: 'host', start: () => host.start(), stop: () => host.stop() };
  const services = [hostService, ...roles.services];
  const lifecycle = new Lifecycle(services, { stopTimeoutMs: STOP_TIMEOUT_MS });
  await lifecycle.start();
  const close = async () => {
    await lifecycle.stop();
  };
  const executor = new OneOffRunner({ clock: systemClock, logger: log });
  const { id: networkId, policy, members } = file;
  return new EmbeddedSwarm(
    { ...ports, links: blobs, roles, executor, close },
    { networkId, policy, members },
  );
}
