/**
 * A ledger's state as it travels: the records that led to it, block by block. The state root is a
 * hash over exactly these, so whoever executes them has the state and its proof at once, and a
 * serialised table could be no smaller than the records whose digests it holds. ADR 0205.
 */

import { accept, type Checked, refuse } from '../base/verdict.ts';
import type { Executed, StateSnapshots } from '../consensus/application.ts';
import { SNAPSHOT_BYTES_MAX } from '../consensus/messages.ts';
import type { Roots } from '../consensus/roots.ts';
import { PAYLOAD_REFS_MAX } from '../consensus/types.ts';
import { cadreAfter } from '../job/cadre.ts';
import { type CheckedRecord, checkRecord } from '../job/ledger/check-record.ts';
import { executeRecords } from '../job/ledger/execute-records.ts';
import { type LedgerState, ledgerGenesis } from '../job/ledger/ledger-state.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { decodeCanonical, encodeCanonical } from '../wire/cbor.ts';
import { LIMITS } from '../wire/limits.ts';
import { bytesUpTo, list, oneOf, struct } from '../wire/shape.ts';
import type { JobState } from './ledger-application.ts';

/** The records of one block and what came before: shared between the states of a chain. */
export interface LedgerHistory {
  readonly records: readonly Uint8Array[];
  readonly before: LedgerHistory | undefined;
}

/** Every block here changed something: a shard has at most two records and a mark of each slot. */
const BLOCKS_MAX = 1 << 22;

const historyShape = struct({
  v: oneOf(1),
  blocks: list(list(bytesUpTo(LIMITS.recordBytesMax), PAYLOAD_REFS_MAX, 1), BLOCKS_MAX),
});

/** What a ledger's state commits to for members of this epoch: its end is the next one's cadre. */
export function rootsAfter(plan: OpenPlan, epoch: number, ledger: LedgerState): Roots {
  const { stateRoot, resultsRoot, standIns } = ledger;
  if (standIns.length <= epoch) return { stateRoot, resultsRoot };
  return { stateRoot, resultsRoot, nextCadreRoot: cadreAfter(plan, standIns).cadreRoot };
}

/** For members of this epoch; a history leads through all of them. */
export function ledgerSnapshots(plan: OpenPlan, epoch = 0): StateSnapshots<JobState> {
  return {
    encode: ({ history }) => encodeCanonical({ v: 1, blocks: blocksOf(history) }),
    decode: async (encoded, pause) => {
      const decoded = decodeCanonical(encoded, historyShape, SNAPSHOT_BYTES_MAX);
      return decoded.ok ? replay({ plan, epoch }, decoded.value.blocks, pause) : decoded;
    },
  };
}

function blocksOf(history: LedgerHistory | undefined): (readonly Uint8Array[])[] {
  const blocks: (readonly Uint8Array[])[] = [];
  for (let at = history; at !== undefined; at = at.before) blocks.push(at.records);
  return blocks.reverse();
}

/** Reasons: those of records and of their execution, `empty-history`. */
async function replay(
  { plan, epoch }: { readonly plan: OpenPlan; readonly epoch: number },
  blocks: readonly (readonly Uint8Array[])[],
  pause: () => Promise<void>,
): Promise<Checked<Executed<JobState>>> {
  let ledger = ledgerGenesis(plan);
  let history: LedgerHistory | undefined;
  let state: JobState | undefined;
  let seats = plan.seats;
  for (const records of blocks) {
    const checked: CheckedRecord[] = [];
    for (const bytes of records) {
      const record = checkRecord(plan, bytes, seats);
      if (!record.ok) return record;
      checked.push(record.value);
    }
    const result = executeRecords(plan, ledger, checked);
    if (!result.ok) return result;
    const isNewCadre = result.value.state.standIns.length > ledger.standIns.length;
    ledger = result.value.state;
    if (isNewCadre) seats = cadreAfter(plan, ledger.standIns).seats;
    history = { records, before: history };
    state = { ledger, events: result.value.events, history };
    await pause();
  }
  if (state === undefined) return refuse('empty-history');
  return accept({ state, ...rootsAfter(plan, epoch, ledger) });
}
