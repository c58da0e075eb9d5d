/**
 * What certificates, members and `why` read from a ledger state. Workers are roster indexes, whose
 * order is the order of node ids.
 */
import type { Digest, NodeId } from '../../base/ids.ts';
import type { OpenPlan } from '../open-plan.ts';
import type { CheckedReveal, CheckedSeal } from './check-record.ts';
import type { DisputeEvent, RetryReason } from './events.ts';
import type { LedgerState } from './ledger-state.ts';
import type { ResultLeaf } from './results.ts';
import { PHASES, STANDINGS, type Standing } from './shard-table.ts';

type StandingName = keyof typeof STANDINGS;

/** Blob roots of an accepted shard's outputs, 32 bytes each; undefined before acceptance. */
export function acceptedDigests(
  plan: OpenPlan,
  state: LedgerState,
  shard: number,
): Uint8Array | undefined {
  const { table } = state;
  const slot = table.acceptedSlot(shard);
  if (slot === undefined) return undefined;
  const reveal = state.reveals[table.revealIndex(shard, slot)]!;
  const width = plan.outputsPerShard * 32;
  const at = table.revealAt(shard, slot) * width;
  return reveal.record.digests.subarray(at, at + width);
}

/** Roster indexes, ascending, of the workers that revealed the accepted result. */
export function agreeingWorkers(plan: OpenPlan, state: LedgerState, shard: number): number[] {
  return agreeingSlots(state, shard)
    .map((slot) => plan.workers[state.table.candidate(shard, slot)]!)
    .sort((a, b) => a - b);
}

function agreeingSlots(state: LedgerState, shard: number): number[] {
  const { table } = state;
  const accepted = table.acceptedSlot(shard);
  if (accepted === undefined) return [];
  const wanted = resultAt(state, shard, accepted);
  const slots: number[] = [];
  for (let slot = 0; slot < table.used(shard); slot++) {
    if (table.standing(shard, slot) !== STANDINGS.revealed) continue;
    const found = slot === accepted ? wanted : resultAt(state, shard, slot);
    if (wanted.every((byte, i) => byte === found[i])) slots.push(slot);
  }
  return slots;
}

function resultAt(state: LedgerState, shard: number, slot: number): Uint8Array {
  const reveal = state.reveals[state.table.revealIndex(shard, slot)]!;
  const at = state.table.revealAt(shard, slot) * 32;
  return reveal.results.subarray(at, at + 32);
}

/** The leaf of an accepted shard; undefined before acceptance. */
export function resultLeaf(
  plan: OpenPlan,
  state: LedgerState,
  shard: number,
): ResultLeaf | undefined {
  const digests = acceptedDigests(plan, state, shard);
  if (digests === undefined) return undefined;
  const regions = plan.kernel.regions(plan.spec.shards, shard);
  const workers = agreeingWorkers(plan, state, shard).map((index): NodeId => plan.nodes[index]!);
  const outputs = plan.kernel.outputs.map(({ name, dtype }, i) => {
    const { offset, shape } = regions[i]!;
    return {
      name,
      dtype,
      region: { offset, shape },
      digest: digests.subarray(i * 32, i * 32 + 32),
    };
  });
  return { shard, outputs, workers };
}

/** The leaves of all shards in order; the ledger must be done. */
export function* resultLeaves(plan: OpenPlan, state: LedgerState): Generator<ResultLeaf> {
  for (let shard = 0; shard < plan.spec.shards; shard++) yield resultLeaf(plan, state, shard)!;
}

/** The agreeing worker's signed seal and the reveal that opened it, for one shard. */
export interface Receipt {
  /** Roster index. */
  readonly worker: number;
  readonly seal: CheckedSeal;
  /** Position of the shard in the seal. */
  readonly sealAt: number;
  readonly reveal: CheckedReveal;
  /** Position of the shard in the reveal. */
  readonly revealAt: number;
}

/** Receipts of an accepted shard's agreeing workers, ascending by worker. */
export function receiptsOf(plan: OpenPlan, state: LedgerState, shard: number): Receipt[] {
  const { table } = state;
  return agreeingSlots(state, shard)
    .map((slot) => ({
      worker: plan.workers[table.candidate(shard, slot)]!,
      seal: state.seals[table.sealIndex(shard, slot)]!,
      sealAt: table.sealAt(shard, slot),
      reveal: state.reveals[table.revealIndex(shard, slot)]!,
      revealAt: table.revealAt(shard, slot),
    }))
    .sort((a, b) => a.worker - b.worker);
}

/** Shards of one worker and wave whose seal sets closed with it inside. */
export type ClosedSet = Omit<Awaited, 'phase'>;

/** All of them, in order of first occurrence. */
export function closedSetsOf(plan: OpenPlan, state: LedgerState): ClosedSet[] {
  const wasClosed: ReadonlySet<number> = new Set([
    STANDINGS.closed,
    STANDINGS.revealed,
    STANDINGS.withheld,
  ]);
  return groupSlots(plan, state, (standing) => (wasClosed.has(standing) ? 'closed' : undefined));
}

/** Someone the ledger waits for: what a member's timers run on. */
export interface Awaited {
  readonly phase: 'seal' | 'reveal';
  readonly wave: number;
  /** Roster index. */
  readonly worker: number;
  /** Ascending. */
  readonly shards: readonly number[];
}

/** Everything awaited now, grouped by phase, wave and worker, in order of first occurrence. */
export function awaitedOf(plan: OpenPlan, state: LedgerState): Awaited[] {
  return groupSlots(plan, state, (standing) => {
    if (standing === STANDINGS.entitled) return 'seal';
    return standing === STANDINGS.closed ? 'reveal' : undefined;
  });
}

/** Slots of the phases that `phaseOf` gives, by phase, wave and worker. */
function groupSlots<P extends string>(
  plan: OpenPlan,
  { table }: LedgerState,
  phaseOf: (standing: Standing) => P | undefined,
): (Omit<Awaited, 'phase'> & { readonly phase: P })[] {
  const groups = new Map<
    string,
    Omit<Awaited, 'phase' | 'shards'> & { phase: P; shards: number[] }
  >();
  for (let shard = 0; shard < table.shardCount; shard++) {
    for (let slot = 0; slot < table.used(shard); slot++) {
      const phase = phaseOf(table.standing(shard, slot));
      if (phase === undefined) continue;
      const wave = table.slotWave(shard, slot);
      const worker = plan.workers[table.candidate(shard, slot)]!;
      const key = `${phase}/${wave}/${worker}`;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { phase, wave, worker, shards: [shard] });
      else group.shards.push(shard);
    }
  }
  return [...groups.values()];
}

/** Where one shard stands and who is involved, for `why`. */
export interface ShardView {
  readonly shard: number;
  readonly phase: keyof typeof PHASES;
  readonly wave: number;
  readonly workers: readonly {
    /** Roster index. */
    readonly worker: number;
    readonly wave: number;
    readonly standing: StandingName;
  }[];
}

export function viewShard(plan: OpenPlan, state: LedgerState, shard: number): ShardView {
  const { table } = state;
  const workers = Array.from({ length: table.used(shard) }, (_, slot) => ({
    worker: plan.workers[table.candidate(shard, slot)]!,
    wave: table.slotWave(shard, slot),
    standing: nameOf(STANDINGS, table.standing(shard, slot)),
  }));
  return { shard, phase: nameOf(PHASES, table.phase(shard)), wave: table.wave(shard), workers };
}

function nameOf<K extends string>(names: Readonly<Record<K, number>>, value: number): K {
  return (Object.keys(names) as K[]).find((name) => names[name] === value)!;
}

/** One dispute per shard, as the command line and certificates list them. */
export interface ShardDispute {
  readonly shard: number;
  /** Roster index. */
  readonly worker: number;
  readonly kind: DisputeEvent['dispute'];
  readonly evidence: readonly Digest[];
}

/** Ascending by shard, then worker. */
export function shardDisputes(state: LedgerState): ShardDispute[] {
  return state.disputes
    .flatMap(({ shards, worker, dispute, evidence }) =>
      shards.map((shard) => ({ shard, worker, kind: dispute, evidence })),
    )
    .sort((a, b) => a.shard - b.shard || a.worker - b.worker);
}

export interface ShardRetry {
  readonly shard: number;
  /** Roster index. */
  readonly worker: number;
  readonly reason: RetryReason;
}

/** Ascending by shard, then worker. */
export function shardRetries(state: LedgerState): ShardRetry[] {
  return state.retries
    .flatMap(({ shards, worker, reason }) => shards.map((shard) => ({ shard, worker, reason })))
    .sort((a, b) => a.shard - b.shard || a.worker - b.worker);
}
