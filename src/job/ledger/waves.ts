/**
 * How a shard moves on: who is entitled next, when a seal set closes, when a digest is accepted,
 * when more workers are asked, when it fails (job.md section 4; docs/protocol/ledger.md, rules 2, 4
 * and 6). Every function looks at one shard and leaves it where no rule applies any more.
 */
import type { EntitledReason } from './events.ts';
import type { LedgerDraft } from './ledger-draft.ts';
import { PHASES, STANDINGS } from './shard-table.ts';

/**
 * Looks at the open seal set of a shard after something about it changed.
 *
 * A refusal frees a place, which the next in order takes. An overdue worker's place is refilled
 * only when too few seals remain in sight. The set closes when the wave's target of seals is in, or
 * with at least the minimum when nobody else is awaited; without the minimum the shard has failed.
 */
export function reviewSealing(draft: LedgerDraft, shard: number, reason: EntitledReason): void {
  const { table } = draft;
  if (table.phase(shard) !== PHASES.sealing) return;
  const target = table.target(shard);
  const minimum = minimumSeals(draft, shard);
  const counts = countOpenWave(draft, shard);
  while (counts.sealed < target) {
    const active = counts.sealed + counts.awaited + counts.overdue;
    const inSight = counts.sealed + counts.awaited;
    if (active >= target && inSight >= minimum) break;
    if (!entitleNext(draft, shard, reason)) {
      // Nobody is left to ask: the rest must come from those who are still active.
      if (active < minimum) {
        failShard(draft, shard);
        return;
      }
      break;
    }
    counts.awaited += 1;
  }
  if (counts.sealed < target && counts.awaited > 0) return;
  if (counts.sealed >= minimum) closeSet(draft, shard);
  else failShard(draft, shard);
}

/** Wave 0 needs a quorum of seals; a later wave adds to what is revealed and needs one. */
function minimumSeals(draft: LedgerDraft, shard: number): number {
  return draft.table.wave(shard) === 0 ? draft.plan.policy.quorum : 1;
}

function countOpenWave(draft: LedgerDraft, shard: number) {
  const { table } = draft;
  const wave = table.wave(shard);
  const counts = { sealed: 0, awaited: 0, overdue: 0 };
  for (let slot = 0; slot < table.used(shard); slot++) {
    if (table.slotWave(shard, slot) !== wave) continue;
    const standing = table.standing(shard, slot);
    if (standing === STANDINGS.sealed) counts.sealed += 1;
    else if (standing === STANDINGS.entitled) counts.awaited += 1;
    else if (standing === STANDINGS.overdue) counts.overdue += 1;
  }
  return counts;
}

/** False when the shard has used all the workers it may. */
function entitleNext(draft: LedgerDraft, shard: number, reason: EntitledReason): boolean {
  const { table, plan } = draft;
  const slot = table.used(shard);
  if (slot >= table.slotCount) return false;
  table.addSlot(shard, plan.placement.order(shard)[slot]!);
  draft.awaitedSeals += 1;
  const worker = draft.workerAt(shard, slot);
  draft.log.entitled(shard, { wave: table.wave(shard), worker, reason });
  return true;
}

/** Who has sealed may reveal; who has not comes too late. */
function closeSet(draft: LedgerDraft, shard: number): void {
  const { table } = draft;
  const wave = table.wave(shard);
  table.setPhase(shard, PHASES.revealing);
  for (let slot = 0; slot < table.used(shard); slot++) {
    if (table.slotWave(shard, slot) !== wave) continue;
    const standing = table.standing(shard, slot);
    if (standing === STANDINGS.sealed) {
      table.setStanding(shard, slot, STANDINGS.closed);
      draft.awaitedReveals += 1;
      draft.log.closed(shard, wave, draft.workerAt(shard, slot));
    } else if (standing === STANDINGS.entitled || standing === STANDINGS.overdue) {
      if (standing === STANDINGS.entitled) draft.settleSeal();
      table.setStanding(shard, slot, STANDINGS.superseded);
    }
  }
}

/**
 * Looks at the revealed digests of a shard whose set is closed.
 *
 * Accept d iff count(d) >= Q and count(d) is more than half of all reveals of the shard, where
 * those still awaited count as reveals of something else: the answer never depends on who is fast.
 * When all are judged without an answer, the next wave opens.
 */
export function reviewReveals(draft: LedgerDraft, shard: number): void {
  const { table, plan } = draft;
  if (table.phase(shard) !== PHASES.revealing) return;
  const { revealed, awaited } = revealsOf(draft, shard);
  for (const slot of revealed) {
    const count = revealed.filter((other) => isSameResult(draft, shard, slot, other)).length;
    if (count >= plan.policy.quorum && 2 * count > revealed.length + awaited) {
      acceptResult(draft, shard, slot);
      return;
    }
  }
  if (awaited === 0) widen(draft, shard);
}

function revealsOf(draft: LedgerDraft, shard: number) {
  const { table } = draft;
  const revealed: number[] = [];
  let awaited = 0;
  for (let slot = 0; slot < table.used(shard); slot++) {
    const standing = table.standing(shard, slot);
    if (standing === STANDINGS.revealed) revealed.push(slot);
    else if (standing === STANDINGS.closed) awaited += 1;
  }
  return { revealed, awaited };
}

/** The next Q workers of the order open a wave, as long as the shard may use more. */
function widen(draft: LedgerDraft, shard: number): void {
  const { table, plan } = draft;
  const target = Math.min(plan.policy.quorum, table.slotCount - table.used(shard));
  if (target <= 0) {
    failShard(draft, shard);
    return;
  }
  table.openWave(shard, table.wave(shard) + 1, target);
  for (let i = 0; i < target; i++) entitleNext(draft, shard, 'widened');
}

/** What was revealed differs: no agreement. Nothing was revealed: nobody delivered. */
function failShard(draft: LedgerDraft, shard: number): void {
  const hasReveals = revealsOf(draft, shard).revealed.length > 0;
  draft.fail(hasReveals ? 'NO_AGREEMENT' : 'WORKERS_EXHAUSTED', shard);
}

function acceptResult(draft: LedgerDraft, shard: number, accepted: number): void {
  const { table } = draft;
  table.acceptSlot(shard, accepted);
  draft.acceptedCount += 1;
  draft.log.accepted(shard, resultAt(draft, shard, accepted));
  for (let slot = 0; slot < table.used(shard); slot++) judgeReveal(draft, shard, slot);
}

/** Names a worker that revealed something else than what was accepted. */
export function judgeReveal(draft: LedgerDraft, shard: number, slot: number): void {
  const { table } = draft;
  const accepted = table.acceptedSlot(shard);
  if (accepted === undefined || table.standing(shard, slot) !== STANDINGS.revealed) return;
  if (isSameResult(draft, shard, slot, accepted)) return;
  const seal = draft.seals[table.sealIndex(shard, slot)]!;
  const reveal = draft.reveals[table.revealIndex(shard, slot)]!;
  draft.log.dispute(shard, {
    dispute: 'wrong-result',
    worker: draft.workerAt(shard, slot),
    evidence: [seal.id, reveal.id],
  });
}

/** Shard result digest of a revealed slot. */
function resultAt(draft: LedgerDraft, shard: number, slot: number): Uint8Array {
  const { table } = draft;
  const at = table.revealAt(shard, slot) * 32;
  return draft.reveals[table.revealIndex(shard, slot)]!.results.subarray(at, at + 32);
}

function isSameResult(draft: LedgerDraft, shard: number, a: number, b: number): boolean {
  if (a === b) return true;
  const left = resultAt(draft, shard, a);
  const right = resultAt(draft, shard, b);
  for (let i = 0; i < 32; i++) if (left[i] !== right[i]) return false;
  return true;
}
