/**
 * A swarm in this process for tests of programs that use Kadre: real nodes over a simulated network
 * on a virtual clock, so that a job takes milliseconds and a timeout takes none. Needs no native
 * code, no socket and no file; nothing is shared between two swarms.
 */
import { KadreError } from '../base/errors.ts';
import { JsExecutor } from '../compute/local-executor.ts';
import { SeededRandom } from '../sim/seeded-random.ts';
import type { SimNode } from '../sim/sim-node.ts';
import { SimWorld } from '../sim/sim-world.ts';
import { BEHAVIOURS, type Behaviour, hooksOf } from '../sim/worker-behaviours.ts';
import { Driver } from './driven.ts';
import { EmbeddedSwarm } from './embedded-swarm.ts';
import type { Swarm } from './types.ts';

export interface TestSwarmOptions {
  /** Nodes beside this client, 1 to 64. Default 7: a cadre of 4 and 3 replicas fit. */
  readonly nodes?: number;
  /**
   * How many of them lie, in the order of `BEHAVIOURS`, or what each of the last ones does.
   * Default 0.
   */
  readonly byzantine?: number | readonly Behaviour[];
  /** One-way delay of every message in virtual milliseconds. Default 1. */
  readonly latencyMs?: number;
  /** The same seed and the same calls give the same run. Default 1. */
  readonly seed?: number;
}

const NODES_MAX = 64;

/**
 * Starts the swarm and gives a client of it, as `connect` does. Time passes only while something of
 * the swarm is awaited. Errors: USAGE, when there are not enough nodes for the liars.
 *
 * @example
 * await using swarm = await testSwarm({ nodes: 7, byzantine: 1, seed: 3 });
 * const job = await swarm.submit('noop@1', { parameters: { items: 64 } });
 * const { certificate } = await job.result();
 */
export async function testSwarm(options: TestSwarmOptions = {}): Promise<Swarm> {
  const { nodes = 7, byzantine = 0, latencyMs = 1, seed = 1 } = options;
  const lies = liesOf(nodes, byzantine);
  const world = new SimWorld({ seed, networkId: 'test' });
  const { faults } = world.hub;
  world.hub.faults = { ...faults, delayMsMin: latencyMs, delayMsMax: latencyMs };
  const client = world.add({ roles: [] });
  for (const lie of lies) addNode(world, lie);
  const driver = new Driver(world.clock);
  await driver.until(Promise.all(world.nodes.map((node) => node.start())));
  return driver.handle<Swarm>(clientOf(world, client, seed));
}

function liesOf(nodes: number, byzantine: number | readonly Behaviour[]): (Behaviour | null)[] {
  const list = typeof byzantine === 'number' ? BEHAVIOURS.slice() : byzantine;
  const count = typeof byzantine === 'number' ? byzantine : byzantine.length;
  const isPossible = Number.isSafeInteger(nodes) && nodes >= 1 && nodes <= NODES_MAX;
  if (!isPossible || !Number.isSafeInteger(count) || count < 0 || count > nodes) {
    const message = `${count} Byzantine nodes of ${nodes}: at most all, of 1 to ${NODES_MAX}`;
    throw new KadreError({ code: 'USAGE' }, message);
  }
  return Array.from({ length: nodes }, (_, at) => {
    const rank = at - (nodes - count);
    return rank < 0 ? null : (list[rank % list.length] ?? null);
  });
}

function addNode(world: SimWorld, lie: Behaviour | null): void {
  const hooks = (node: SimNode) => hooksOf(lie, { clock: world.clock, crash: () => node.crash() });
  world.add({ roles: ['worker', 'cadre'], hooks });
}

function clientOf(world: SimWorld, client: SimNode, seed: number): Swarm {
  const components = {
    network: client.ports.network,
    directory: client.ports.directory,
    log: client.ports.log,
    signer: client.signer,
    random: new SeededRandom(seed),
    clock: world.clock,
    blobs: client.blobs,
    roles: client.roles,
    executor: new JsExecutor(),
    close: async () => {
      for (const node of world.nodes) await node.stop();
    },
  };
  return new EmbeddedSwarm(components, { networkId: world.networkId, policy: {} });
}
