/**
 * What each kind of record does to a draft (job.md section 4; docs/protocol/ledger.md, rules 1 to
 * 7). A record speaks about many shards; it is applied to those that it can change, in ascending
 * order, and the answer is whether it changed anything. A record that changes nothing has no place
 * in a block.
 */
import { equalBytes, toHex } from '../../base/bytes.ts';
import { wasSeated } from '../cadre.ts';
import type {
  CheckedDeadline,
  CheckedOverdue,
  CheckedRecord,
  CheckedRefusal,
  CheckedReplace,
  CheckedReveal,
  CheckedSeal,
} from './check-record.ts';
import type { LedgerDraft } from './ledger-draft.ts';
import { STANDINGS } from './shard-table.ts';
import { judgeReveal, reviewReveals, reviewSealing } from './waves.ts';

/** False when the record changed nothing: late, repeated, or not entitled. */
export function applyRecord(draft: LedgerDraft, checked: CheckedRecord): boolean {
  if (draft.isFinal || draft.isEpochOver) return false;
  switch (checked.kind) {
    case 'cancel':
      draft.fail('JOB_CANCELLED');
      return true;
    case 'deadline':
      return applyDeadline(draft, checked);
    case 'seal':
      return applySeal(draft, checked);
    case 'reveal':
      return applyReveal(draft, checked);
    case 'refusal':
      return applyRefusal(draft, checked);
    case 'overdue':
      return applyOverdue(draft, checked);
    case 'replace':
      return applyReplace(draft, checked);
  }
}

/** f + 1 seats whose clocks passed the deadline fail the job. */
function applyDeadline(draft: LedgerDraft, { record }: CheckedDeadline): boolean {
  if (draft.deadlineSeats.includes(record.seat)) return false;
  draft.deadlineSeats = [...draft.deadlineSeats, record.seat];
  if (draft.deadlineSeats.length > draft.plan.f) draft.fail('DEADLINE_PASSED');
  return true;
}

/** f + 1 seats that speak for the same stand-in of the same seat give it that seat. */
function applyReplace(draft: LedgerDraft, { record, entryKey }: CheckedReplace): boolean {
  const { plan, standIns, vouchers } = draft;
  const { epoch, seat, entry } = record;
  if (epoch !== standIns.length || wasSeated(plan, standIns, entry)) return false;
  const node = toHex(entry.node);
  if (vouchers.some((given) => given.seat === seat && given.node === node)) return false;
  draft.vouchers = [...vouchers, { seat, node, entryKey }];
  const agreeing = draft.vouchers.filter((given) => given.entryKey === entryKey);
  if (agreeing.length > plan.f) draft.replace(entry);
  return true;
}

/**
 * A seal counts for the shards that its worker is entitled to in that wave and has not sealed, as
 * long as their sets are open. Where the worker has sealed before, a differing tuple is evidence.
 */
function applySeal(draft: LedgerDraft, checked: CheckedSeal): boolean {
  const { table } = draft;
  const { shards, candidate, record } = checked;
  const index = draft.seals.length;
  let isCounted = false;
  let hasEvidence = false;
  for (let at = 0; at < shards.length && draft.failure === undefined; at++) {
    const shard = shards[at]!;
    const slot = table.slotOf(shard, candidate);
    if (slot === undefined || table.slotWave(shard, slot) !== record.wave) continue;
    const standing = table.standing(shard, slot);
    if (standing === STANDINGS.entitled || standing === STANDINGS.overdue) {
      if (!isCounted) draft.seals.push(checked);
      isCounted = true;
      if (standing === STANDINGS.entitled) draft.settleSeal();
      table.setSeal(shard, slot, { index, at });
      reviewSealing(draft, shard, 'overdue');
    } else if (isDifferingSeal(draft, checked, { shard, slot, at })) {
      hasEvidence = true;
      table.setEquivocated(shard, slot);
      const first = draft.seals[table.sealIndex(shard, slot)]!;
      draft.log.dispute(shard, {
        dispute: 'equivocation',
        worker: draft.workerAt(shard, slot),
        evidence: [first.id, checked.id],
      });
    }
  }
  return isCounted || hasEvidence;
}

interface SlotPlace {
  readonly shard: number;
  readonly slot: number;
  /** Position of the shard in the record. */
  readonly at: number;
}

/** True for the first seal of a worker that contradicts the one that counts. */
function isDifferingSeal(draft: LedgerDraft, checked: CheckedSeal, place: SlotPlace): boolean {
  const { table } = draft;
  const { shard, slot, at } = place;
  switch (table.standing(shard, slot)) {
    case STANDINGS.sealed:
    case STANDINGS.closed:
    case STANDINGS.revealed:
    case STANDINGS.withheld: {
      if (table.hasEquivocated(shard, slot)) return false;
      const first = draft.seals[table.sealIndex(shard, slot)]!;
      const firstAt = table.sealAt(shard, slot);
      return !isSameTuple(first.record.tuples, firstAt, checked.record.tuples, at);
    }
    default:
      return false;
  }
}

function isSameTuple(left: Uint8Array, at: number, right: Uint8Array, otherAt: number): boolean {
  for (let i = 0; i < 32; i++) if (left[at * 32 + i] !== right[otherAt * 32 + i]) return false;
  return true;
}

/** A reveal counts for the shards whose set is closed with the seal that it opens. */
function applyReveal(draft: LedgerDraft, checked: CheckedReveal): boolean {
  const { table } = draft;
  const { shards, candidate, record } = checked;
  const index = draft.reveals.length;
  let isCounted = false;
  let opened = -1;
  for (let at = 0; at < shards.length && draft.failure === undefined; at++) {
    const shard = shards[at]!;
    const slot = table.slotOf(shard, candidate);
    if (slot === undefined || table.standing(shard, slot) !== STANDINGS.closed) continue;
    const sealIndex = table.sealIndex(shard, slot);
    const seal = draft.seals[sealIndex]!;
    // All shards of a reveal open one seal: its id is compared once.
    if (sealIndex !== opened && !equalBytes(seal.id, record.seal)) continue;
    opened = sealIndex;
    if (!isSameTuple(seal.record.tuples, table.sealAt(shard, slot), checked.tuples, at)) continue;
    if (!isCounted) draft.reveals.push(checked);
    isCounted = true;
    draft.settleReveal();
    table.setReveal(shard, slot, { index, at });
    if (table.acceptedSlot(shard) === undefined) reviewReveals(draft, shard);
    else judgeReveal(draft, shard, slot);
  }
  return isCounted;
}

/** A worker's own refusal acts at once, as long as it has not sealed. */
function applyRefusal(draft: LedgerDraft, checked: CheckedRefusal): boolean {
  const { table } = draft;
  const { shards, candidate, record } = checked;
  let isCounted = false;
  for (const shard of shards) {
    if (draft.failure !== undefined) break;
    const slot = table.slotOf(shard, candidate);
    if (slot === undefined || table.slotWave(shard, slot) !== record.wave) continue;
    const standing = table.standing(shard, slot);
    if (standing !== STANDINGS.entitled && standing !== STANDINGS.overdue) continue;
    if (standing === STANDINGS.entitled) draft.settleSeal();
    table.setStanding(shard, slot, STANDINGS.refused);
    draft.log.retry(shard, draft.workerAt(shard, slot), record.reason);
    isCounted = true;
    reviewSealing(draft, shard, 'refused');
  }
  return isCounted;
}

/** f + 1 seats whose clocks gave up on a worker end the wait for it. */
function applyOverdue(draft: LedgerDraft, checked: CheckedOverdue): boolean {
  const { table, marks, plan } = draft;
  const { shards, candidate, record } = checked;
  const awaited = record.phase === 'seal' ? STANDINGS.entitled : STANDINGS.closed;
  let isCounted = false;
  for (const shard of shards) {
    if (draft.failure !== undefined) break;
    const slot = table.slotOf(shard, candidate);
    if (slot === undefined || table.slotWave(shard, slot) !== record.wave) continue;
    if (table.standing(shard, slot) !== awaited) continue;
    const bit = shard * table.slotCount + slot;
    if (!marks.add(record.seat, record.phase, bit)) continue;
    isCounted = true;
    if (marks.count(record.phase, bit) <= plan.f) continue;
    if (record.phase === 'seal') passOver(draft, shard, slot);
    else markWithheld(draft, shard, slot);
  }
  return isCounted;
}

function passOver(draft: LedgerDraft, shard: number, slot: number): void {
  draft.settleSeal();
  draft.table.setStanding(shard, slot, STANDINGS.overdue);
  draft.log.retry(shard, draft.workerAt(shard, slot), 'overdue');
  reviewSealing(draft, shard, 'overdue');
}

/** Sealed, allowed to reveal, and silent. */
function markWithheld(draft: LedgerDraft, shard: number, slot: number): void {
  const { table } = draft;
  draft.settleReveal();
  table.setStanding(shard, slot, STANDINGS.withheld);
  draft.log.dispute(shard, {
    dispute: 'withheld',
    worker: draft.workerAt(shard, slot),
    evidence: [draft.seals[table.sealIndex(shard, slot)]!.id],
  });
  reviewReveals(draft, shard);
}
