/**
 * One seed of one scenario: makes the world, submits jobs, lets faults happen, heals, waits for the
 * end, judges. Everything follows from the options; the report says what broke, if anything did.
 */
import { Cast } from './cast.ts';
import { ConsensusWatch } from './consensus-watch.ts';
import { JobWatch } from './job-watch.ts';
import { findScenario, type Scenario } from './scenarios.ts';
import type { SeededRandom } from './seeded-random.ts';
import { SimJob, type SimJobOrder } from './sim-job.ts';
import { CADRE_SEATS } from './sim-limits.ts';
import type { SimNode } from './sim-node.ts';
import { SimWorld } from './sim-world.ts';
import { FAULTY_MS, Weather } from './weather.ts';

export interface SimOptions {
  readonly nodes: number;
  readonly seed: number;
  readonly scenario: string;
}

export interface JobReport {
  readonly kernel: string;
  readonly shards: number;
  readonly state: 'done' | 'failed' | 'running';
  /** Error code of a failed job. */
  readonly code: string | null;
  readonly virtualMs: number;
}

export interface SimReport extends SimOptions {
  /** SHA-256 over everything that happened. */
  readonly trace: string;
  readonly events: number;
  readonly virtualMs: number;
  readonly jobs: readonly JobReport[];
  /** Broken invariants, in the order in which they were noticed. */
  readonly violations: readonly string[];
}

/** Every job has ended this long after the world healed, beside the time that its work takes. */
export const LIVENESS_BOUND_MS = 300_000;
/** Of one job. */
const SHARDS_MAX = 12;
/** Workers that a shard may wait for, one after the other, each as long as the policy allows. */
const WAVES_MAX = 3;
/** Long enough for every node to have announced itself. */
const JOINING_MS = 1_500;
/** Far more than any seed needs: beyond it something repeats without end. */
const TIMERS_MAX = 20_000;
/** Violations that one report lists. */
const VIOLATIONS_MAX = 16;

export async function runSeed(options: SimOptions): Promise<SimReport> {
  const scenario = findScenario(options.scenario);
  if (scenario === undefined) throw new RangeError(`no scenario ${options.scenario}`);
  const { seed, nodes } = options;
  const world = new SimWorld({ seed, faults: { ...scenario.links, loss: 0, reorder: 0 } });
  const cast = new Cast(world, { scenario, nodes });
  const chain = new ConsensusWatch<SimNode>((node) => cast.isHonestMember(node));
  const results = new JobWatch({
    chain,
    mayLie: (node) => cast.mayLie(node),
    nodes: () => world.nodes,
    isForged: (certificate) => cast.isForged(certificate),
  });
  world.observe(chain);
  world.observe(results);
  await world.clock.run(Promise.all(world.nodes.map((node) => node.start())));
  await world.clock.advance(JOINING_MS);
  const jobs = drawOrders(world.random, scenario).map(
    (order) => new SimJob(order, world.random.fork()),
  );
  new Weather(world, { cast, scenario }).begin();
  for (const job of jobs) submitSoon(world, cast, job);
  const workMs = WAVES_MAX * sealMsOf(scenario);
  const untilMs = world.clock.monotonicMs() + FAULTY_MS + LIVENESS_BOUND_MS + workMs;
  const runsAway = () => world.clock.fired > TIMERS_MAX;
  const isStopped = () => chain.faults.length > 0 || runsAway();
  const isOver = () => isStopped() || jobs.every(({ end }) => end !== undefined);
  await world.clock.runUntil(untilMs, isOver);
  if (runsAway())
    chain.faults.push(`more than ${TIMERS_MAX} timers: something repeats without end`);
  for (const job of jobs) if (!isStopped()) await results.judge(job);
  const violations = [...chain.faults, ...results.faults, ...failures(scenario, jobs)];
  return {
    ...options,
    trace: world.trace.hash,
    events: world.trace.events,
    virtualMs: Math.round(world.clock.monotonicMs()),
    jobs: jobs.map(reportOf),
    violations: violations.slice(0, VIOLATIONS_MAX),
  };
}

function drawOrders(random: SeededRandom, scenario: Scenario): SimJobOrder[] {
  const sealMs = sealMsOf(scenario);
  const count = random.pick([1, 1, 1, 2, 3]);
  return Array.from({ length: count }, () => {
    const [replicas, quorum] = random.pick([
      [3, 2],
      [3, 2],
      [3, 3],
      [2, 2],
      [2, 1],
    ] as const);
    return {
      kernel: random.pick(['noop@1', 'gemm.f32@1'] as const),
      shards: 1 + random.integer(SHARDS_MAX),
      policy: { replicas, quorum, cadre: CADRE_SEATS, sealMs, revealMs: 2_000 },
    };
  });
}

/** All shards of a job may be one worker's. */
function sealMsOf({ shardMsMax }: Scenario): number {
  return Math.max(3_000, SHARDS_MAX * shardMsMax);
}

function submitSoon(world: SimWorld, { client }: Cast, job: SimJob): void {
  const startMs = world.random.next() * 1_000;
  world.clock.setTimer(startMs, () => {
    void job.run(client, world.networkId).then(() => {
      job.endedMs = world.clock.monotonicMs();
      world.note(`job ends: ${job.end?.kind}`);
    });
  });
}

function failures(scenario: Scenario, jobs: readonly SimJob[]): string[] {
  const { mustSucceed, keepsCadres, name } = scenario;
  const isLost = jobs.some(({ job }) => (job?.plan?.package.plan.instance ?? 0) > 0);
  if (keepsCadres && isLost) return ['a cadre is lost though no more than f are gone at one time'];
  if (!mustSucceed) return [];
  return jobs.flatMap(({ end }) => {
    if (end?.kind === 'failed')
      return [`a job failed with ${end.error.code} though all is ${name}`];
    const isBlamed = end?.kind === 'done' && end.finished.outcome.disputes.length > 0;
    return isBlamed ? [`somebody is blamed though all is ${name}`] : [];
  });
}

function reportOf({ order, end, endedMs }: SimJob): JobReport {
  const { kernel, shards } = order;
  const code = end?.kind === 'failed' ? end.error.code : null;
  return { kernel, shards, state: end?.kind ?? 'running', code, virtualMs: Math.round(endedMs) };
}
