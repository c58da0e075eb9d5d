/**
 * What a member of a cadre needs after a restart, one folder per plan: the plan package and the key
 * made for it in one file, the consensus log beside it. Losing the folder loses the seat, never
 * safety, because the key goes with it (consensus.md section 1.10).
 */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex } from '../base/bytes.ts';
import { asKadreError, KadreError } from '../base/errors.ts';
import type { Digest } from '../base/ids.ts';
import type { Wal } from '../base/ports.ts';
import { type PlanPackage, planPackageShape } from '../job/plan.ts';
import { decodeCanonical, encodeCanonical } from '../wire/cbor.ts';
import { LIMITS } from '../wire/limits.ts';
import { bytes, oneOf, struct } from '../wire/shape.ts';
import { writeFilesAtomic } from './atomic-file.ts';
import { openWal } from './wal.ts';

export interface StoredPlan {
  readonly planId: Digest;
  /** Ed25519 seed of the key made for this plan. */
  readonly keySeed: Uint8Array;
  readonly package: PlanPackage;
}

export interface OpenedLog {
  readonly wal: Wal;
  /** What it held when it was opened. */
  readonly records: readonly Uint8Array[];
}

export interface PlanStore {
  /** Durable when it resolves. */
  save(plan: StoredPlan): Promise<void>;
  /** The consensus log of a plan; made when it does not exist. */
  openLog(planId: Digest): Promise<OpenedLog>;
  list(): Promise<StoredPlan[]>;
  remove(planId: Digest): Promise<void>;
}

const storedShape = struct({
  v: oneOf(1),
  planId: bytes(32),
  keySeed: bytes(32),
  package: planPackageShape,
});

export class DiskPlanStore implements PlanStore {
  readonly #root: string;

  constructor(init: { readonly directory: string }) {
    this.#root = init.directory;
  }

  async save(plan: StoredPlan): Promise<void> {
    const folder = await this.#folder(plan.planId);
    const encoded = encodeCanonical({ v: 1, ...plan });
    const file = join(folder, 'plan.cbor');
    await writeFilesAtomic([{ file, parts: [encoded], mode: 0o600 }]);
  }

  async openLog(planId: Digest): Promise<OpenedLog> {
    return openWal(join(await this.#folder(planId), 'consensus.wal'));
  }

  /** Folders without a readable plan are left overs of a crash: removed. */
  async list(): Promise<StoredPlan[]> {
    await mkdir(this.#root, { recursive: true });
    const plans: StoredPlan[] = [];
    for (const name of (await readdir(this.#root)).sort()) {
      const plan = await this.#read(name);
      if (plan === undefined) await rm(join(this.#root, name), { recursive: true, force: true });
      else plans.push(plan);
    }
    return plans;
  }

  async remove(planId: Digest): Promise<void> {
    await rm(join(this.#root, toHex(planId)), { recursive: true, force: true });
  }

  async #read(name: string): Promise<StoredPlan | undefined> {
    let encoded: Uint8Array;
    try {
      encoded = await readFile(join(this.#root, name, 'plan.cbor'));
    } catch {
      return undefined;
    }
    const decoded = decodeCanonical(encoded, storedShape, LIMITS.planBytesMax + 4_096);
    if (decoded.ok && toHex(decoded.value.planId) === name) return decoded.value;
    throw new KadreError(
      { code: 'DATA_DIR_DAMAGED', data: { plan: name } },
      `the plan file of ${name} is damaged`,
    );
  }

  async #folder(planId: Digest): Promise<string> {
    const folder = join(this.#root, toHex(planId));
    try {
      await mkdir(folder, { recursive: true });
    } catch (cause) {
      throw asKadreError(cause, 'DISK_FAILED', `cannot make ${folder}`);
    }
    return folder;
  }
}
