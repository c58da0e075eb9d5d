/**
 * One seed of one cadre scenario: a hostile time, then GST, then every honest member must finalise
 * a new payload within the bound of consensus.md section 3.2. The report says what broke.
 */
import { toHex } from '../../base/bytes.ts';
import { SeededRandom } from '../seeded-random.ts';
import { fieldsAt, numberAt, readEnvelope, readFields, readSigned } from '../wire-reader.ts';
import { stageTwins, TWIN_ROUNDS, type TwinScenario, twinScenarios } from './all-twins.ts';
import { type CadreScenario, findCadreScenario } from './cadre-scenarios.ts';
import { CadreWeather, HOSTILE_MS } from './cadre-weather.ts';
import { CadreWorld, domainOf, type Fault } from './cadre-world.ts';
import { Lasso } from './lasso.ts';
import { drawnRules, hidingRules, RoundNet } from './round-net.ts';
import { VoteDuty } from './vote-duty.ts';

export interface CadreOptions {
  readonly scenario: string;
  readonly seed: number;
  /** Seats; drawn from the seed when 0. */
  readonly nodes: number;
}

export interface CadreReport extends CadreOptions {
  /** SHA-256 over everything that happened. */
  readonly trace: string;
  readonly events: number;
  readonly faults: readonly Fault[];
  readonly virtualMs: number;
  /** From GST until every honest member had finalised all, ms; and what it was allowed to be. */
  readonly liveMs: number;
  readonly boundMs: number;
  /** Broken invariants, in the order in which they were noticed. */
  readonly violations: readonly string[];
}

const PAYLOADS_MAX = 6;
/** Far more than any seed needs: beyond it something repeats without end. */
const TIMERS_MAX = 40_000;
const VIOLATIONS_MAX = 16;
/** The pacemaker's numbers as consensus.md section 1.6 states them, ms. */
const TIMEOUT_BASE_MS = 500;
const TIMEOUT_MAX_MS = 30_000;
const REBROADCAST_MS = 2_000;
/** A sync of the disk, and rounding. */
const HOP_EXTRA_MS = 5;

export async function runCadreSeed(options: CadreOptions): Promise<CadreReport> {
  const scenario = findCadreScenario(options.scenario);
  if (scenario === undefined) throw new RangeError(`no scenario ${options.scenario}`);
  if (scenario.isEnumerated) return runTwins(options, scenario);
  const random = new SeededRandom(options.seed);
  const seats = options.nodes > 0 ? options.nodes : random.pick([4, 4, 4, 5, 6, 7]);
  const faults = drawFaults(random, scenario, seats);
  const delayMsMax = random.pick([2, 10, 50]);
  const machines = seats + faults.filter((fault) => fault === 'twins').length;
  const rules = scenario.hides
    ? hidingRules(random.fork(), machines)
    : drawnRules(random.fork(), machines, scenario.hostileRounds);
  const rounds = new RoundNet(rules);
  const drift = scenario.pausesMax > 0 ? 0.02 : 0;
  const world = new CadreWorld({ seed: options.seed, faults, rounds, delayMsMax, drift });
  return runWorld(world, {
    options,
    faults,
    delayMsMax,
    weather: new CadreWeather(world, scenario),
    submit: submitSome,
  });
}

/** One world for all: only the twins' place and the sides differ. */
const TWINS_SEED = 1;
let twins: readonly TwinScenario[] | undefined;

/** Seed 1 is the first of the enumeration; after the last it begins anew. */
function runTwins(options: CadreOptions, scenario: CadreScenario): Promise<CadreReport> {
  twins ??= twinScenarios();
  const chosen = twins[(options.seed - 1) % twins.length]!;
  const { faults, rules } = stageTwins(chosen, domainOf(TWINS_SEED));
  const rounds = new RoundNet(rules);
  const world = new CadreWorld({ seed: TWINS_SEED, faults, rounds, delayMsMax: 2, drift: 0 });
  const weather = new CadreWeather(world, scenario);
  return runWorld(world, { options, faults, delayMsMax: 2, weather, submit: submitAll });
}

interface Run {
  readonly options: CadreOptions;
  readonly faults: readonly Fault[];
  readonly delayMsMax: number;
  readonly weather: CadreWeather;
  /** Gives machines payloads; the texts that must become final. */
  readonly submit: (world: CadreWorld) => string[];
}

/** Runs a made world to its end and judges it. */
export async function runWorld(world: CadreWorld, run: Run): Promise<CadreReport> {
  const { clock } = world;
  const { options, faults, delayMsMax, weather, submit } = run;
  const runsAway = () => clock.fired > TIMERS_MAX;
  const isBroken = () => world.faults.length > 0 || runsAway();
  for (const machine of world.machines) machine.start();
  // Nobody owes a vote to a leader that may have told others something else.
  if (faults.every((fault) => fault === undefined)) watchDuties(world);
  weather.begin();
  const texts = submit(world);
  await clock.runUntil(HOSTILE_MS, isBroken);
  const boundMs = livenessBoundMs({ faults, delayMsMax, round: roundsSoFar(world) });
  watchForCircles(world);
  const fromMs = clock.monotonicMs();
  weather.heal();
  texts.push('after');
  for (const machine of world.machines) for (const text of texts) machine.submit(text);
  // A driver that starts takes payloads once its log is read.
  clock.setTimer(20, () => {
    for (const machine of world.machines) for (const text of texts) machine.submit(text);
  });
  const hasAll = () =>
    world.honest.every(({ driver }) => texts.every((text) => driver?.finalState.texts.has(text)));
  await clock.runUntil(fromMs + boundMs, () => isBroken() || hasAll());
  if (runsAway())
    world.faults.push(`more than ${TIMERS_MAX} timers: something repeats without end`);
  else if (!isBroken() && !hasAll()) {
    world.faults.push(`liveness: nothing new was final ${boundMs} ms after the world healed`);
  }
  const nowMs = clock.monotonicMs();
  return {
    ...options,
    trace: world.trace.hash,
    events: world.trace.events,
    faults,
    virtualMs: Math.round(nowMs),
    liveMs: Math.round(nowMs - fromMs),
    boundMs,
    violations: world.faults.slice(0, VIOLATIONS_MAX),
  };
}

/** Up to f faulty seats, anywhere. */
function drawFaults(random: SeededRandom, { lies }: CadreScenario, seats: number): Fault[] {
  const faults: Fault[] = Array.from({ length: seats }, () => undefined);
  if (lies.length === 0) return faults;
  const count = Math.max(random.integer(2), 1 + random.integer(Math.floor((seats - 1) / 3)));
  for (let i = 0; i < count; i++) faults[random.integer(seats)] = random.pick(lies);
  return faults;
}

/** Enough for every round that the network takes sides in, to all machines at once. */
function submitAll(world: CadreWorld): string[] {
  const texts = Array.from({ length: TWIN_ROUNDS + 1 }, (_, i) => `text ${i}`);
  for (const [i, text] of texts.entries()) {
    world.clock.setTimer(10 * i + 10, () => {
      for (const machine of world.machines) machine.submit(text);
    });
  }
  return texts;
}

/** Payloads at any moments of the hostile time, each to most machines. */
function submitSome(world: CadreWorld): string[] {
  const { random, clock } = world;
  const texts = Array.from({ length: 1 + random.integer(PAYLOADS_MAX) }, (_, i) => `text ${i}`);
  for (const text of texts) {
    const atMs = random.next() * random.next() * HOSTILE_MS;
    const reached = world.machines.filter(() => random.chance(0.8));
    clock.setTimer(atMs, () => {
      for (const machine of reached) machine.submit(text);
    });
  }
  return texts;
}

function roundsSoFar(world: CadreWorld): number {
  return Math.max(...world.machines.map(({ driver }) => driver?.round ?? 1));
}

/**
 * L(c) = R + (c + 1)(Tg + 2D) + 10D with c consecutive bad leaders and the largest timer in force
 * Tg: what it would be had every round so far failed.
 */
function livenessBoundMs(init: {
  readonly faults: readonly Fault[];
  readonly delayMsMax: number;
  readonly round: number;
}): number {
  const bad = init.faults.filter((fault) => fault !== undefined).length;
  const failures = init.round + bad;
  const timer = Math.min(TIMEOUT_MAX_MS, TIMEOUT_BASE_MS * 1.5 ** Math.max(0, failures - 2));
  const delay = init.delayMsMax + HOP_EXTRA_MS;
  return Math.ceil(REBROADCAST_MS + (bad + 1) * (timer + 2 * delay) + 10 * delay);
}

/** I15, of machines that ran all the time: others may have had no chance to vote. */
function watchDuties(world: CadreWorld): void {
  const duty = new VoteDuty(world.genesisId);
  const nowMs = () => world.clock.monotonicMs();
  world.onArrived = (machine, bytes) => {
    const message = readFields(readEnvelope(bytes).message);
    if (message?.kind !== 'proposal') return;
    const refs = (fieldsAt(message, 'block')?.payloadRefs ?? []) as Uint8Array[];
    const hasPayloads = refs.every((ref) => machine.given.has(toHex(ref)));
    duty.arrived(machine.index, message, { atMs: nowMs(), hasPayloads });
  };
  world.onSigned = (machine, { message }) => {
    const signed = readSigned(message);
    const round = numberAt((signed && readFields(signed.body)) ?? {}, 'round');
    if (signed?.tag === 'VOTE') duty.voted(machine.index, round);
    if (signed?.tag !== 'TIMEOUT' || machine.starts > 1 || machine.wasPaused) return;
    if (!duty.neglected(machine.index, round, nowMs())) return;
    world.faults.push(`I15: machine ${machine.index} does not vote in round ${round}`);
  };
}

function watchForCircles(world: CadreWorld): void {
  const lasso = new Lasso(world.machines.length);
  world.onSent = (machine, bytes) => {
    const message = readFields(readEnvelope(bytes).message);
    if (message === undefined || !lasso.sent(machine.index, message)) return;
    world.faults.push('liveness: the cadre runs in circles');
  };
  world.onProgress = () => lasso.progressed();
}
