/** `swarm.average`: a mean of everybody's tensor (docs/protocol/averaging.md). */
import { KadreError } from '../base/errors.ts';
import type { PeerId } from '../base/ids.ts';
import type { Network, SignalOption } from '../base/ports.ts';
import { TOPOLOGIES, type Topology } from '../federated/averaging/topology.ts';
import { FRACTION_BITS_DEFAULT } from '../federated/fixed-point.ts';
import type { Averager } from '../roles/averaging/averager.ts';
import type { Averaged } from '../roles/averaging/averaging-session.ts';

export type { Averaged, Topology };

export interface AverageOptions extends SignalOption {
  /** A name that this group uses once: a round's number, say. At most 256 characters. */
  readonly session: string;
  /** Everybody, this process too: peer ids, or multiaddrs that end in one. 1 to 64. */
  readonly members: readonly string[];
  /** How much this member's values count. Integer, all together at most 2^20. Default 1. */
  readonly weight?: number;
  /** `q8`, `q4`, `topk:keep=1%`, ...; default: nothing is compressed. */
  readonly codec?: string;
  /**
   * `butterfly`, the default: each member adds one part for all. `ring` and `hierarchical`, where
   * members of one site speak with one voice: at most 16 members.
   */
  readonly topology?: Topology;
  /** Of each member, in their order, the number of its site. */
  readonly sites?: readonly number[];
  /** Values are rounded to units of 2^-this, 8 to 30. Default 24: a range of ±128. */
  readonly fractionBits?: number;
  /** Default 120 s. */
  readonly timeoutMs?: number;
}

/** Errors: USAGE, and those of `Averager.average`. */
export async function averageWith(
  { averager, network }: { readonly averager: Averager; readonly network: Network },
  values: Float32Array,
  options: AverageOptions,
): Promise<Averaged> {
  const { topology = 'butterfly', fractionBits = FRACTION_BITS_DEFAULT, weight = 1 } = options;
  const isBits = Number.isInteger(fractionBits) && fractionBits >= 8 && fractionBits <= 30;
  if (!TOPOLOGIES.includes(topology) || !isBits) {
    const message = isBits ? `no topology ${topology}` : `fractionBits ${fractionBits}, not 8..30`;
    throw new KadreError({ code: 'USAGE' }, message);
  }
  const members: PeerId[] = [];
  for (const member of options.members) {
    const peer = member.slice(member.lastIndexOf('/') + 1);
    if (member !== peer && peer !== network.self) await network.addAddresses(peer, [member]);
    members.push(peer);
  }
  const { session, codec, sites, timeoutMs = 120_000, signal } = options;
  const wishes = { session, members, values, weight, codec, topology, sites };
  return averager.average({ ...wishes, fractionBits, timeoutMs }, signal ? { signal } : {});
}
