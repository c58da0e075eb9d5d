/**
 * What may go wrong in a cadre's world. Each scenario gives the most that may happen; the seed
 * draws what does. Up to f seats are faulty in every one: Byzantine, or on a disk that forgets what
 * it acknowledged.
 */
import type { LieName } from './lies.ts';

export interface CadreScenario {
  readonly name: string;
  readonly what: string;
  /** What faulty seats do; each draws one. Empty: nobody is faulty. */
  readonly lies: readonly (LieName | 'twins' | 'amnesiac' | 'bad-disk')[];
  /** Machines that are cut off power, at most. */
  readonly crashesMax: number;
  /** That all machines lose power at one moment. */
  readonly blackoutChance: number;
  /** Machines that stand still for longer than a round's timer and go on, at most. */
  readonly pausesMax: number;
  /** Links that are blocked for a while, in one or both directions, at most. */
  readonly splitsMax: number;
  /** Share of rounds in which the network itself takes sides. */
  readonly hostileRounds: number;
  /** Those rounds hide certificates with one machine after the other, and do nothing else. */
  readonly hides?: boolean;
  /** A seed is a number in an enumeration (`all-twins.ts`), and chance decides nothing else. */
  readonly isEnumerated?: boolean;
  /** Of every packet. */
  readonly lossMax: number;
}

const QUIET = {
  lies: [],
  crashesMax: 0,
  blackoutChance: 0,
  pausesMax: 0,
  splitsMax: 0,
  hostileRounds: 0,
  lossMax: 0,
} satisfies Partial<CadreScenario>;

const ALL_LIES = [
  'equivocator',
  'forker',
  'stale-qc',
  'withholder',
  'flooder',
  'epoch-shifter',
  'lying-server',
  'false-root',
  'mutator',
  'twins',
  'amnesiac',
  'bad-disk',
] as const;

export const CADRE_SCENARIOS: readonly CadreScenario[] = [
  { ...QUIET, name: 'cadre:quiet', what: 'nothing goes wrong' },
  {
    ...QUIET,
    name: 'cadre:network',
    what: 'loss, one-way and rolling splits, rounds in which the network takes sides',
    splitsMax: 4,
    hostileRounds: 0.6,
    lossMax: 0.2,
  },
  {
    ...QUIET,
    name: 'cadre:power',
    what: 'power cuts, blackouts, pauses, torn logs, disks that fail a sync or flip a bit',
    lies: ['bad-disk'],
    crashesMax: 4,
    blackoutChance: 0.3,
    pausesMax: 2,
    hostileRounds: 0.3,
  },
  {
    ...QUIET,
    name: 'cadre:byzantine',
    what: 'up to f seats lie, in every way there is',
    lies: ALL_LIES,
    hostileRounds: 0.4,
  },
  {
    ...QUIET,
    name: 'cadre:twins',
    what: 'up to f seats run twice with one key, and the network takes sides in every round',
    lies: ['twins'],
    hostileRounds: 0.9,
  },
  {
    ...QUIET,
    name: 'cadre:all-twins',
    what: 'every way to keep one pair of twins and three others on two sides for three rounds',
    lies: ['twins'],
    isEnumerated: true,
  },
  {
    ...QUIET,
    name: 'cadre:hidden',
    what: 'certificates that one machine after the other hides; all are honest',
    hides: true,
    hostileRounds: 1,
  },
  {
    ...QUIET,
    name: 'cadre:forks',
    what: 'the same, and leaders that build below what they were told',
    lies: ['forker', 'stale-qc'],
    hides: true,
    hostileRounds: 1,
  },
  {
    name: 'cadre:storm',
    what: 'all of it',
    lies: ALL_LIES,
    crashesMax: 3,
    blackoutChance: 0.15,
    pausesMax: 2,
    splitsMax: 2,
    hostileRounds: 0.5,
    lossMax: 0.1,
  },
];

/** Scenarios of a cadre alone begin with this, those of whole nodes do not. */
const PREFIX = 'cadre:';

export function isCadre(scenario: string): boolean {
  return scenario.startsWith(PREFIX);
}

export function findCadreScenario(name: string): CadreScenario | undefined {
  return CADRE_SCENARIOS.find((scenario) => scenario.name === name);
}
