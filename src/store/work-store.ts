/**
 * What a worker must remember of a plan: one log per plan, whose first record is the plan package
 * and whose others are what it was assigned and what it sealed. A seal is in the log before it is
 * sent, so a worker that restarts can open what it committed to (docs/protocol/wal.md, "Work
 * record"). Before the first seal there is nothing to lose, and nothing in it.
 */
import { equalBytes, toHex } from '../base/bytes.ts';
import { asKadreError, KadreError } from '../base/errors.ts';
import type { Digest } from '../base/ids.ts';
import type { Wal } from '../base/ports.ts';
import { type PlanPackage, planIdOf, planPackageShape } from '../job/plan.ts';
import { SALT_BYTES } from '../job/records.ts';
import { SHARD_NUMBER_BYTES } from '../job/shard-list.ts';
import { decodeCanonical, encodeCanonical } from '../wire/cbor.ts';
import { LIMITS } from '../wire/limits.ts';
import { bytes, bytesUpTo, type Infer, integer, oneOf, struct, variant } from '../wire/shape.ts';
import type { LogFolder } from './log-folder.ts';

const wave = integer(0, 2 * LIMITS.replicasMax + 1);
const packedShards = bytesUpTo(LIMITS.shardsMax * SHARD_NUMBER_BYTES, SHARD_NUMBER_BYTES);

const workRecordShape = variant('kind', {
  plan: struct({
    kind: oneOf('plan'),
    v: oneOf(1),
    planId: bytes(32),
    /** Wall time, ms since 1970: a plan that nobody ends is forgotten all the same. */
    takenMs: integer(),
    package: planPackageShape,
  }),
  /** These shards of this wave are this worker's. */
  assigned: struct({ kind: oneOf('assigned'), wave, shards: packedShards }),
  sealed: struct({
    kind: oneOf('sealed'),
    wave,
    shards: packedShards,
    /** The signed seal, as the judges get it. */
    record: bytesUpTo(LIMITS.recordBytesMax),
    salts: bytesUpTo(LIMITS.recordShardsMax * SALT_BYTES, SALT_BYTES),
    digests: bytesUpTo(LIMITS.recordBytesMax, 32),
  }),
});
export type WorkRecord = Infer<typeof workRecordShape>;
export type PlanRecord = Extract<WorkRecord, { kind: 'plan' }>;
export type AssignedRecord = Extract<WorkRecord, { kind: 'assigned' }>;
export type SealedRecord = Extract<WorkRecord, { kind: 'sealed' }>;

const RECORD_BYTES_MAX = 4 * LIMITS.recordBytesMax;

export interface WorkLog {
  /** Makes the file and its name durable beside other work, so that the first append need not. */
  prepare(): void;
  /** In order; durable when it resolves. Errors: DISK_FAILED. */
  append(records: readonly WorkRecord[]): Promise<void>;
  /** The plan is over: the log goes. */
  remove(): Promise<void>;
  /** The process ends; the log stays. */
  close(): Promise<void>;
}

export interface RecoveredWork {
  readonly plan: PlanRecord;
  readonly records: readonly (AssignedRecord | SealedRecord)[];
  readonly log: WorkLog;
}

export interface WorkStore {
  /** A log for this plan; it exists once something is appended. */
  create(plan: Omit<PlanRecord, 'kind' | 'v'>): WorkLog;
  /** Every plan that has a log; what cannot be read is reported, not removed. */
  recover(onDamaged: (error: KadreError) => void): Promise<RecoveredWork[]>;
}

const FILE = /^[0-9a-f]{64}\.work$/;
const nameOf = (planId: Digest): string => `${toHex(planId)}.work`;

export class LogWorkStore implements WorkStore {
  readonly #folder: LogFolder;

  constructor(folder: LogFolder) {
    this.#folder = folder;
  }

  create(plan: { planId: Digest; takenMs: number; package: PlanPackage }): WorkLog {
    return new FileWorkLog(this.#folder, { kind: 'plan', v: 1, ...plan });
  }

  async recover(onDamaged: (error: KadreError) => void): Promise<RecoveredWork[]> {
    const recovered: RecoveredWork[] = [];
    for (const name of (await this.#folder.list()).filter((file) => FILE.test(file))) {
      try {
        const work = await this.#recoverOne(name);
        if (work !== undefined) recovered.push(work);
      } catch (cause) {
        onDamaged(asKadreError(cause, 'DATA_DIR_DAMAGED', `the work log ${name}`));
      }
    }
    return recovered;
  }

  async #recoverOne(name: string): Promise<RecoveredWork | undefined> {
    const { wal, records } = await this.#folder.open(name);
    const decoded = records.map((one) => decodeCanonical(one, workRecordShape, RECORD_BYTES_MAX));
    const values = decoded.flatMap((one) => (one.ok ? [one.value] : []));
    const [plan, ...rest] = values;
    if (records.length === 0) {
      await wal.close();
      await this.#folder.remove(name);
      return undefined;
    }
    const isWhole = values.length === records.length && plan?.kind === 'plan';
    if (isWhole && isOfItsPlan(plan) && nameOf(plan.planId) === name) {
      const known = rest.filter((record) => record.kind !== 'plan');
      return { plan, records: known, log: new FileWorkLog(this.#folder, plan, wal) };
    }
    await wal.close();
    throw new KadreError({ code: 'DATA_DIR_DAMAGED' }, `${name} does not hold its work`);
  }
}

function isOfItsPlan({ planId, package: pkg }: PlanRecord): boolean {
  return equalBytes(planIdOf(pkg.plan), planId);
}

class FileWorkLog implements WorkLog {
  readonly #folder: LogFolder;
  readonly #plan: PlanRecord;
  #wal: Promise<Wal> | undefined;
  #hasPlan = false;
  #isOver = false;

  constructor(folder: LogFolder, plan: PlanRecord, wal?: Wal) {
    this.#folder = folder;
    this.#plan = plan;
    if (wal === undefined) return;
    this.#wal = Promise.resolve(wal);
    this.#hasPlan = true;
  }

  prepare(): void {
    // A failure is heard by whoever appends.
    if (!this.#isOver) this.#open().catch(() => undefined);
  }

  async append(records: readonly WorkRecord[]): Promise<void> {
    if (this.#isOver) throw new KadreError({ code: 'STOPPED' }, 'this plan is over');
    // The plan and the first seal in one write.
    const group = this.#hasPlan ? records : [this.#plan, ...records];
    this.#hasPlan = true;
    await (await this.#open()).append(group.map(encodeCanonical));
  }

  #open(): Promise<Wal> {
    this.#wal ??= this.#create();
    return this.#wal;
  }

  async remove(): Promise<void> {
    if (this.#wal === undefined) {
      this.#isOver = true;
      return;
    }
    await this.close();
    await this.#folder.remove(nameOf(this.#plan.planId));
  }

  async close(): Promise<void> {
    this.#isOver = true;
    await (await this.#wal)?.close();
  }

  /**
   * Its name must be durable too: whoever has seen a seal could show it beside another one that a
   * worker without memory would make.
   */
  async #create(): Promise<Wal> {
    const { wal, records } = await this.#folder.open(nameOf(this.#plan.planId));
    if (records.length === 0) return wal;
    await wal.close();
    throw new KadreError({ code: 'DATA_DIR_DAMAGED' }, 'a log of this plan exists already');
  }
}

/** For nodes without a disk: tests and the simulator. It outlives the node that uses it. */
export class MemoryWorkStore implements WorkStore {
  readonly #works = new Map<string, { plan: PlanRecord; records: WorkRecord[] }>();

  create(plan: Omit<PlanRecord, 'kind' | 'v'>): WorkLog {
    return this.#logOf({ kind: 'plan', v: 1, ...plan });
  }

  async recover(): Promise<RecoveredWork[]> {
    return [...this.#works.values()].map(({ plan, records }) => ({
      plan,
      records: records.filter((record) => record.kind !== 'plan'),
      log: this.#logOf(plan),
    }));
  }

  /** Plans that are held now. */
  get size(): number {
    return this.#works.size;
  }

  #logOf(plan: PlanRecord): WorkLog {
    const key = toHex(plan.planId);
    return {
      prepare: () => {},
      append: async (records) => {
        const work = this.#works.get(key) ?? { plan, records: [] };
        this.#works.set(key, work);
        work.records.push(...records);
      },
      remove: async () => void this.#works.delete(key),
      close: async () => {},
    };
  }
}
