/**
 * Executing a block's records on a ledger state, and choosing which records a leader should put
 * into its next block (docs/protocol/ledger.md, "Blocks"). Both run the same rules, so whatever an
 * honest leader selects on a parent executes on that parent.
 */
import { type Digest, ZERO_DIGEST } from '../../base/ids.ts';
import { accept, type Checked, refuse } from '../../base/verdict.ts';
import type { OpenPlan } from '../open-plan.ts';
import { applyRecord } from './apply-record.ts';
import type { CheckedRecord } from './check-record.ts';
import { type LedgerEvent, nextRoot } from './events.ts';
import { LedgerDraft } from './ledger-draft.ts';
import { isFinal, type LedgerState } from './ledger-state.ts';
import { resultLeaves } from './read-ledger.ts';
import { resultLeafHashes, resultsRootOf } from './results.ts';

export interface Execution {
  readonly state: LedgerState;
  readonly stateRoot: Digest;
  readonly resultsRoot: Digest;
  readonly events: readonly LedgerEvent[];
}

/**
 * Executes records in order. Pure: the given state stays as it is. Without records nothing changes,
 * the roots included. Reason: `no-effect`, when a record changes nothing where it stands.
 */
export function executeRecords(
  plan: OpenPlan,
  state: LedgerState,
  records: readonly CheckedRecord[],
): Checked<Execution> {
  const { stateRoot, resultsRoot } = state;
  if (records.length === 0) return accept({ state, stateRoot, resultsRoot, events: [] });
  const draft = new LedgerDraft(plan, state);
  for (const record of records) {
    if (!applyRecord(draft, record)) {
      return refuse('no-effect', 'reject', `a ${record.kind} changes nothing where it stands`);
    }
  }
  return accept(finish(draft, state, records));
}

function finish(
  draft: LedgerDraft,
  parent: LedgerState,
  records: readonly CheckedRecord[],
): Execution {
  const { plan } = draft;
  let resultsRoot: Digest = ZERO_DIGEST;
  if (draft.isDone) {
    const settled = draft.finish({ stateRoot: ZERO_DIGEST, resultsRoot });
    const hashes = resultLeafHashes(resultLeaves(plan, settled), plan.spec.shards);
    resultsRoot = resultsRootOf(hashes);
    draft.log.done(resultsRoot);
  }
  const events = draft.log.events();
  const ids = records.map((record) => record.id);
  const stateRoot = nextRoot(parent.stateRoot, ids, events);
  return { state: draft.finish({ stateRoot, resultsRoot }), stateRoot, resultsRoot, events };
}

/**
 * What comes first in a block. Results before complaints: a seal that arrives together with the
 * mark that it is late still counts. Nothing follows what ends the epoch.
 */
const ORDER = {
  cancel: 0,
  seal: 1,
  reveal: 2,
  refusal: 3,
  overdue: 4,
  deadline: 5,
  replace: 6,
} as const;

/**
 * The pending records that change something on this state, in the order in which they do. Any
 * prefix of the answer is a valid block too, so a leader may cut it at its limits.
 */
export function selectRecords(
  plan: OpenPlan,
  state: LedgerState,
  pending: readonly CheckedRecord[],
): readonly CheckedRecord[] {
  return simulate(plan, state, pending).selected;
}

/**
 * True when waiting for more records would be in vain: everything that this state waits for is
 * pending, or the pending records end the job. With one replica a seal closes its own set, so its
 * reveal is waited for too.
 */
export function isUrgent(
  plan: OpenPlan,
  state: LedgerState,
  pending: readonly CheckedRecord[],
): boolean {
  if (isFinal(state) || !couldSettle(plan, state, pending)) return false;
  const { draft, selected } = simulate(plan, state, pending);
  if (selected.length === 0) return false;
  if (draft.isFinal) return true;
  const isSettled =
    draft.settledSeals >= state.awaitedSeals && draft.settledReveals >= state.awaitedReveals;
  return isSettled && (plan.policy.replicas > 1 || draft.awaitedReveals === 0);
}

/** Counting first: most calls come while most records are missing, and simulating costs time. */
function couldSettle(
  plan: OpenPlan,
  state: LedgerState,
  pending: readonly CheckedRecord[],
): boolean {
  let seals = 0;
  let reveals = 0;
  for (const { kind, shards } of pending) {
    if (kind === 'cancel' || kind === 'deadline') return true;
    if (kind === 'reveal') reveals += shards.length;
    else seals += shards.length;
  }
  const expected = plan.policy.replicas > 1 ? state.awaitedReveals : 0;
  return seals + reveals >= state.awaitedSeals + expected;
}

function simulate(plan: OpenPlan, state: LedgerState, pending: readonly CheckedRecord[]) {
  const draft = new LedgerDraft(plan, state);
  const ordered = pending.toSorted((a, b) => ORDER[a.kind] - ORDER[b.kind]);
  const selected = ordered.filter((record) => applyRecord(draft, record));
  return { draft, selected };
}
