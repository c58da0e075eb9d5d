/**
 * What a member of a cadre needs after a restart: one file per plan, a write-ahead log whose first
 * record holds the plan package and the key made for this plan, and whose other records are the
 * replica's. Losing the file loses the seat, never safety, because the key goes with it
 * (consensus.md section 1.10).
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex } from '../base/bytes.ts';
import { asKadreError, KadreError } from '../base/errors.ts';
import type { Digest } from '../base/ids.ts';
import type { Wal } from '../base/ports.ts';
import { type PlanPackage, planPackageShape } from '../job/plan.ts';
import { decodeCanonical, encodeCanonical } from '../wire/cbor.ts';
import { LIMITS } from '../wire/limits.ts';
import { boolean, bytes, oneOf, struct } from '../wire/shape.ts';
import { openWal } from './wal.ts';

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

export class DiskPlanStore implements PlanStore {
  readonly #directory: string;

  constructor(init: { readonly directory: string }) {
    this.#directory = init.directory;
  }

  async create(plan: StoredPlan): Promise<OpenedLog> {
    // A power cut may take the file with the key inside: the seat falls silent, as a crash would.
    const { wal, records } = await openWal(this.#pathOf(plan.planId), { entry: 'lazy' });
    if (records.length > 0) {
      await wal.close();
      throw new KadreError({ code: 'DATA_DIR_DAMAGED' }, 'a log of this plan exists already');
    }
    // Not awaited: appends are durable in order, and nothing is signed before the next one is.
    wal.append([encodeCanonical({ v: 1, ...plan })]).catch(() => undefined);
    return { wal, records: [] };
  }

  async recover(onDamaged: (error: KadreError) => void): Promise<RecoveredPlan[]> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const recovered: RecoveredPlan[] = [];
    for (const name of (await readdir(this.#directory)).filter((file) => FILE.test(file)).sort()) {
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
    await rm(this.#pathOf(planId), { force: true });
  }

  /** A log without its first record is left over from a crash before anything was signed. */
  async #recoverOne(name: string): Promise<RecoveredPlan | undefined> {
    const path = join(this.#directory, name);
    const { wal, records } = await openWal(path);
    const [first, ...rest] = records;
    if (first === undefined) {
      await wal.close();
      await rm(path, { force: true });
      return undefined;
    }
    const stored = decodeCanonical(first, storedShape, LIMITS.planBytesMax + 4_096);
    if (stored.ok && `${toHex(stored.value.planId)}.wal` === name) {
      return { plan: stored.value, log: { wal, records: rest } };
    }
    await wal.close();
    throw new KadreError({ code: 'DATA_DIR_DAMAGED' }, `${name} does not hold its plan`);
  }

  #pathOf(planId: Digest): string {
    return join(this.#directory, `${toHex(planId)}.wal`);
  }
}
