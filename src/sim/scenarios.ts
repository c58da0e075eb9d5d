/**
 * Which faults a world has, as one table. A scenario gives the most that may happen; what does is
 * drawn from the seed. Faults last until the world heals; lies go on to the end.
 */
import type { LinkFaults } from './link-faults.ts';

export interface Scenario {
  readonly name: string;
  readonly summary: string;
  readonly links: LinkFaults;
  /** Splits of the network, one-way ones among them. */
  readonly partitionsMax: number;
  /** Power cuts of single machines, members among them, each followed by a restart. */
  readonly crashesMax: number;
  /** Power cuts of all machines but the requester's at once. */
  readonly blackoutsMax: number;
  /** Members that go for good, one after the other, each while the rest of its cadre lives. */
  readonly departuresMax: number;
  /** Virtual time of one shard, at most. */
  readonly shardMsMax: number;
  /** Workers that misbehave; wrong results are all wrong alike. */
  readonly liarsMax: number;
  /** Members of which one is Byzantine: two-faced or silent. */
  readonly hasByzantineMember: boolean;
  /** Further loss on every link of the requester. */
  readonly requesterLoss: number;
  /** Wall clocks that differ by up to this much, and monotonic ones by up to 2 %. */
  readonly skewMs: number;
  readonly slowDiskMs: number;
  /** No job may fail. */
  readonly mustSucceed: boolean;
  /** No job may need a second cadre. */
  readonly keepsCadres: boolean;
}

const CALM: Scenario = {
  name: 'calm',
  summary: 'no faults: every job is done and nobody is blamed',
  links: { delayMsMin: 1, delayMsMax: 20, loss: 0, duplication: 0, reorder: 0 },
  partitionsMax: 0,
  crashesMax: 0,
  blackoutsMax: 0,
  departuresMax: 0,
  shardMsMax: 60,
  liarsMax: 0,
  hasByzantineMember: false,
  requesterLoss: 0,
  skewMs: 0,
  slowDiskMs: 1,
  mustSucceed: true,
  keepsCadres: true,
};

const LOSSY: LinkFaults = {
  delayMsMin: 1,
  delayMsMax: 120,
  loss: 0.05,
  duplication: 0.04,
  reorder: 0.3,
};

export const SCENARIOS: readonly Scenario[] = [
  CALM,
  {
    ...CALM,
    name: 'lossy',
    summary: 'messages are lost, late, repeated and out of order; the requester loses more',
    links: LOSSY,
    requesterLoss: 0.2,
    mustSucceed: false,
    keepsCadres: false,
  },
  {
    ...CALM,
    name: 'partitions',
    summary: 'the network falls apart, in one direction or both, and heals',
    partitionsMax: 4,
    skewMs: 2_000,
    mustSucceed: false,
    keepsCadres: false,
  },
  {
    ...CALM,
    name: 'crashes',
    summary: 'power cuts at any moment, slow disks with torn tails, restarts',
    crashesMax: 6,
    blackoutsMax: 1,
    slowDiskMs: 40,
    mustSucceed: false,
    keepsCadres: false,
  },
  {
    ...CALM,
    name: 'liars',
    summary: 'workers lie, copy, equivocate, withhold, fall silent, are slow',
    liarsMax: 4,
    mustSucceed: false,
    keepsCadres: false,
  },
  {
    ...CALM,
    name: 'byzantine-cadre',
    summary: 'a member equivocates as leader and voter and forges certificates, or is silent',
    hasByzantineMember: true,
    links: { ...CALM.links, delayMsMax: 80, reorder: 0.2 },
    mustSucceed: false,
    keepsCadres: false,
  },
  {
    ...CALM,
    name: 'departures',
    summary: 'more members than a cadre tolerates go for good, one after the other',
    departuresMax: 2,
    shardMsMax: 40_000,
  },
  {
    ...CALM,
    name: 'stormy-departures',
    summary: 'the same, after loss, lies and power cuts',
    links: { ...LOSSY, loss: 0.02 },
    departuresMax: 2,
    shardMsMax: 40_000,
    crashesMax: 2,
    liarsMax: 1,
    slowDiskMs: 20,
    mustSucceed: false,
    keepsCadres: false,
  },
  {
    name: 'mixed',
    summary: 'some of everything',
    links: LOSSY,
    partitionsMax: 3,
    crashesMax: 4,
    blackoutsMax: 1,
    departuresMax: 0,
    shardMsMax: 60,
    liarsMax: 3,
    hasByzantineMember: true,
    requesterLoss: 0.1,
    skewMs: 2_000,
    slowDiskMs: 20,
    mustSucceed: false,
    keepsCadres: false,
  },
];

export const SCENARIO_NAMES: readonly string[] = SCENARIOS.map(({ name }) => name);

export function findScenario(name: string): Scenario | undefined {
  return SCENARIOS.find((scenario) => scenario.name === name);
}
