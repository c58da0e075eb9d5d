/**
 * Where the inputs of a plan can be had: the requester while it is there, and, of a detached job,
 * members and other workers, who say so when they hold none (job.md section 5).
 */
import { type PeerId, peerIdOf } from '../base/ids.ts';
import type { Network } from '../base/ports.ts';
import type { OpenPlan } from '../job/open-plan.ts';

/** Peers that are asked for one input at most; more would only delay the failure. */
const HOLDERS_MAX = 64;

/**
 * In the order in which to ask: those that are connected first. This node is among them only where
 * it is the requester and works on a job of its own.
 */
export function holdersOf(network: Network, plan: OpenPlan): readonly PeerId[] {
  const members = plan.seats.map((seat) => peerIdOf(seat.node));
  const workers = plan.workers.map((index) => peerIdOf(plan.nodes[index]!));
  const requester = peerIdOf(plan.spec.requester);
  const everyone = new Set([requester, ...members, ...workers]);
  if (network.self !== requester) everyone.delete(network.self);
  const connected = new Set([network.self, ...network.connectedPeers()]);
  const all = [...everyone];
  const near = all.filter((peer) => connected.has(peer));
  return [...near, ...all.filter((peer) => !connected.has(peer))].slice(0, HOLDERS_MAX);
}
