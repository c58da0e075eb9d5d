/**
 * What a member of a cadre needs after a restart: one file per plan, a write-ahead log whose first
 * record holds the plan package and the key made for this plan, and whose other records are the
 * replica's. Losing the file loses the seat, never safety, because the key goes with it
 * (consensus.md section 1.10).
 */
import { concatBytes, equalBytes, toHex } from '../base/bytes.ts';
import { asKadreError, KadreError } from '../base/errors.ts';
import type { Digest } from '../base/ids.ts';
import type { Wal } from '../base/ports.ts';
import { type EpochLink, epochLinkShape } from '../certificate/epochs.ts';
import { type PlanPackage, planIdOf, planPackageShape } from '../job/plan.ts';
import { decodeCanonical, encodeCanonical } from '../wire/cbor.ts';
import { LIMITS } from '../wire/limits.ts';
import { boolean, bytes, integer, list, oneOf, struct } from '../wire/shape.ts';
import { type LogFolder, NEXT_SUFFIX } from './log-folder.ts';

export interface StoredPlan {
  readonly planId: Digest;
  /** Ed25519 seed of the key made for this plan. */
  readonly keySeed: Uint8Array;
  readonly package: PlanPackage;
  /** The job goes on without its requester. */
  readonly detached: boolean;
}

/** How a plan's newest epoch began. */
export interface StoredHandover {
  /** One link per epoch that ended, oldest first. */
  readonly links: readonly EpochLink[];
  /** The ledger's history up to there. */
  readonly history: Uint8Array;
}

export interface OpenedLog {
  readonly wal: Wal;
  /** The replica's records that it held when it was opened. */
  readonly records: readonly Uint8Array[];
}

export interface RecoveredPlan {
  readonly plan: StoredPlan;
  /** Absent in the plan's first epoch. */
  readonly handover: StoredHandover | undefined;
  readonly log: OpenedLog;
}

export interface PlanStore {
  /** Makes a plan's log; the plan is durable with the first record that is appended to it. */
  create(plan: StoredPlan): Promise<OpenedLog>;
  /**
   * A log for the plan's next epoch, durable when this resolves; what an earlier epoch's held is
   * gone then. That one must be closed.
   */
  begin(plan: StoredPlan, handover: StoredHandover): Promise<OpenedLog>;
  /** Every plan that can be taken up again; what cannot be read is reported, not removed. */
  recover(onDamaged: (error: KadreError) => void): Promise<RecoveredPlan[]>;
  remove(planId: Digest): Promise<void>;
}

const storedShape = struct({
  v: oneOf(1),
  planId: bytes(32),
  keySeed: bytes(32),
  package: planPackageShape,
  detached: boolean,
});

/** Second record of a later epoch's log; the history's parts follow, each a record of bytes. */
const handoverShape = struct({
  v: oneOf(1),
  kind: oneOf('handover'),
  links: list(epochLinkShape, LIMITS.epochsMax, 1),
  parts: integer(1),
});
const HISTORY_PART_BYTES = 512 << 10;
/** Every link a certificate of a hundred seats and an entry, with room to spare. */
const HANDOVER_BYTES_MAX = LIMITS.epochsMax * 16_384;

const FILE = /^[0-9a-f]{64}\.wal$/;

export class LogPlanStore implements PlanStore {
  readonly #folder: LogFolder;

  constructor(folder: LogFolder) {
    this.#folder = folder;
  }

  async create(plan: StoredPlan): Promise<OpenedLog> {
    // A power cut may take the file with the key inside: the seat falls silent, as a crash would.
    const { wal, records } = await this.#folder.open(nameOf(plan.planId), { entry: 'lazy' });
    if (records.length > 0) {
      await wal.close();
      throw new KadreError({ code: 'DATA_DIR_DAMAGED' }, 'a log of this plan exists already');
    }
    // Not awaited: appends are durable in order, and nothing is signed before the next one is.
    wal.append([encodeCanonical({ v: 1, ...plan })]).catch(() => undefined);
    return { wal, records: [] };
  }

  async begin(plan: StoredPlan, { links, history }: StoredHandover): Promise<OpenedLog> {
    const parts: Uint8Array[] = [];
    for (let at = 0; at < history.length; at += HISTORY_PART_BYTES) {
      parts.push(history.subarray(at, at + HISTORY_PART_BYTES));
    }
    const head = encodeCanonical({ v: 1, kind: 'handover', links, parts: parts.length });
    const records = [encodeCanonical({ v: 1, ...plan }), head, ...parts];
    const { wal } = await this.#folder.replace(nameOf(plan.planId), records);
    return { wal, records: [] };
  }

  async recover(onDamaged: (error: KadreError) => void): Promise<RecoveredPlan[]> {
    const recovered: RecoveredPlan[] = [];
    for (const name of await this.#folder.list()) {
      // Left over from a power cut before it was whole.
      if (name.endsWith(NEXT_SUFFIX)) await this.#folder.remove(name);
      if (!FILE.test(name)) continue;
      try {
        const plan = await this.#recoverOne(name);
        if (plan !== undefined) recovered.push(plan);
      } catch (cause) {
        onDamaged(asKadreError(cause, 'DATA_DIR_DAMAGED', `the plan log ${name}`));
      }
    }
    return recovered;
  }

  async remove(planId: Digest): Promise<void> {
    await this.#folder.remove(nameOf(planId));
  }

  /** A log without its first record is left over from a crash before anything was signed. */
  async #recoverOne(name: string): Promise<RecoveredPlan | undefined> {
    const { wal, records } = await this.#folder.open(name);
    const [first, ...rest] = records;
    if (first === undefined) {
      await wal.close();
      await this.#folder.remove(name);
      return undefined;
    }
    const stored = decodeCanonical(first, storedShape, LIMITS.planBytesMax + 4_096);
    if (stored.ok && isOfItsPlan(stored.value) && nameOf(stored.value.planId) === name) {
      const found = readHandover(rest);
      if (found !== undefined) {
        const { handover, used } = found;
        return { plan: stored.value, handover, log: { wal, records: rest.slice(used) } };
      }
    }
    await wal.close();
    throw new KadreError({ code: 'DATA_DIR_DAMAGED' }, `${name} does not hold its plan`);
  }
}

/** The handover that a later epoch's log begins with; undefined when it is not whole. */
function readHandover(
  records: readonly Uint8Array[],
): { readonly handover: StoredHandover | undefined; readonly used: number } | undefined {
  const head = records[0] && decodeCanonical(records[0], handoverShape, HANDOVER_BYTES_MAX);
  if (head?.ok !== true) return { handover: undefined, used: 0 };
  const { links, parts } = head.value;
  const used = 1 + parts;
  if (records.length < used) return undefined;
  return { handover: { links, history: concatBytes(records.slice(1, used)) }, used };
}

function isOfItsPlan({ planId, package: pkg }: StoredPlan): boolean {
  return equalBytes(planIdOf(pkg.plan), planId);
}

function nameOf(planId: Digest): string {
  return `${toHex(planId)}.wal`;
}
