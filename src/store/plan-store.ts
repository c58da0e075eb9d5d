/**
 * What a member of a cadre needs after a restart: one file per plan, a write-ahead log whose first
 * record holds the plan package and the key made for this plan, and whose other records are the
 * replica's. Losing the file loses the seat, never safety, because the key goes with it
 * (consensus.md section 1.10).
 */
import { equalBytes, toHex } from '../base/bytes.ts';
import { asKadreError, KadreError } from '../base/errors.ts';
import type { Digest } from '../base/ids.ts';
import type { Wal } from '../base/ports.ts';
import { type PlanPackage, planIdOf, planPackageShape } from '../job/plan.ts';
import { decodeCanonical, encodeCanonical } from '../wire/cbor.ts';
import { LIMITS } from '../wire/limits.ts';
import { boolean, bytes, oneOf, struct } from '../wire/shape.ts';
import type { LogFolder } from './log-folder.ts';

export interface StoredPlan {
  readonly planId: Digest;
  /** Ed25519 seed of the key made for this plan. */
  readonly keySeed: Uint8Array;
  readonly package: PlanPackage;
  /** The job goes on without its requester. */
  readonly detached: boolean;
}

export interface OpenedLog {
  readonly wal: Wal;
  /** The replica's records that it held when it was opened. */
  readonly records: readonly Uint8Array[];
}

export interface RecoveredPlan {
  readonly plan: StoredPlan;
  readonly log: OpenedLog;
}

export interface PlanStore {
  /** Makes a plan's log; the plan is durable with the first record that is appended to it. */
  create(plan: StoredPlan): Promise<OpenedLog>;
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

  async recover(onDamaged: (error: KadreError) => void): Promise<RecoveredPlan[]> {
    const recovered: RecoveredPlan[] = [];
    for (const name of (await this.#folder.list()).filter((file) => FILE.test(file))) {
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
      return { plan: stored.value, log: { wal, records: rest } };
    }
    await wal.close();
    throw new KadreError({ code: 'DATA_DIR_DAMAGED' }, `${name} does not hold its plan`);
  }
}

function isOfItsPlan({ planId, package: pkg }: StoredPlan): boolean {
  return equalBytes(planIdOf(pkg.plan), planId);
}

function nameOf(planId: Digest): string {
  return `${toHex(planId)}.wal`;
}
