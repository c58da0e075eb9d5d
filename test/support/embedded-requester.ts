/** A client in this process over real sockets, with its requester role in reach of the test. */

import { Lifecycle } from '../../src/base/lifecycle.ts';
import { JsExecutor } from '../../src/compute/local-executor.ts';
import { generateSeed, signerFromSeed } from '../../src/crypto/node/keys.ts';
import { createHost } from '../../src/net/host.ts';
import { composeRoles } from '../../src/roles/compose-roles.ts';
import type { Requester } from '../../src/roles/requester.ts';
import { EmbeddedSwarm } from '../../src/sdk/embedded-swarm.ts';
import { loadNetwork } from '../../src/sdk/load-network.ts';
import type { SubmitOptions, Work } from '../../src/sdk/types.ts';
import { MemoryJobStore } from '../../src/store/job-store.ts';
import { MemoryBlobStore } from '../../src/store/memory-blob-store.ts';
import { promptVerifier } from './prompt-verifier.ts';
import { realClock, realRandom, silentLogger } from './real-ports.ts';

export class EmbeddedRequester {
  readonly requester: Requester;
  readonly swarm: EmbeddedSwarm;
  readonly #lifecycle: Lifecycle;

  private constructor(requester: Requester, swarm: EmbeddedSwarm, lifecycle: Lifecycle) {
    this.requester = requester;
    this.swarm = swarm;
    this.#lifecycle = lifecycle;
  }

  static async start(networkFile: string): Promise<EmbeddedRequester> {
    const file = await loadNetwork(networkFile);
    const seed = generateSeed();
    const host = await createHost(
      { clock: realClock, random: realRandom, logger: silentLogger },
      { seed, networkId: file.id, listen: [], bootstrap: file.bootstrap, server: false },
    );
    const ports = {
      network: host.network,
      directory: host.directory,
      blobs: new MemoryBlobStore(),
      jobs: new MemoryJobStore(),
      signer: signerFromSeed(seed),
      log: silentLogger,
      clock: realClock,
      random: realRandom,
      verifier: promptVerifier,
    };
    const roles = composeRoles(ports, { networkId: file.id });
    const hostService = { name: 'host', start: () => host.start(), stop: () => host.stop() };
    const lifecycle = new Lifecycle([hostService, ...roles.services], { stopTimeoutMs: 2_000 });
    await lifecycle.start();
    const swarm = new EmbeddedSwarm(
      { ...ports, roles, executor: new JsExecutor(), close: async () => undefined },
      { networkId: file.id, policy: file.policy },
    );
    return new EmbeddedRequester(roles.requester, swarm, lifecycle);
  }

  /** Submits; the id of the job. */
  async submit(kernel: string, work: Work, options: SubmitOptions = {}): Promise<string> {
    return (await this.swarm.submit(kernel, work, options)).id;
  }

  async close(): Promise<void> {
    await this.#lifecycle.stop();
  }
}
