/**
 * What members keep of plans whose logs are gone: enough to answer whoever picks the job up by its
 * id for as long as its results stay (docs/protocol/wal.md, "Ended plans"). Package and certificate
 * lie in the blob store; this is the index. Plans end in batches, so a batch is one file.
 */
import { toHex } from '../base/bytes.ts';
import { KadreError } from '../base/errors.ts';
import { decodeCanonical, encodeCanonical } from '../wire/cbor.ts';
import { LIMITS } from '../wire/limits.ts';
import {
  bytes,
  bytesUpTo,
  type Infer,
  integer,
  list,
  oneOf,
  optional,
  struct,
} from '../wire/shape.ts';
import { RecordFolder } from './record-folder.ts';

/** Plans in one batch: an archive's quarter, or a few more. */
export const ENDED_BATCH_MAX = 256;
const OUTCOME_BYTES_MAX = 8 * 1_048_576;

const endedPlanShape = struct({
  jobId: bytes(32),
  computationId: bytes(32),
  planId: bytes(32),
  /** Wall time, ms since 1970. */
  endedMs: integer(),
  package: struct({ root: bytes(32), bytes: integer(1, LIMITS.planBytesMax) }),
  /** Absent when the job failed. */
  certificate: optional(struct({ root: bytes(32), bytes: integer(1, LIMITS.certificateBytesMax) })),
  /** Canonical bytes of how it ended, as the judges compare them. */
  outcome: bytesUpTo(OUTCOME_BYTES_MAX),
});
export type EndedPlan = Infer<typeof endedPlanShape>;

const batchShape = struct({ v: oneOf(1), plans: list(endedPlanShape, ENDED_BATCH_MAX, 1) });
const BATCH_BYTES_MAX = ENDED_BATCH_MAX * (OUTCOME_BYTES_MAX + 1_024);

export interface EndedPlanStore {
  /** Every batch that can be read, oldest first; what cannot is reported, not removed. */
  load(onDamaged: (error: KadreError) => void): Promise<(readonly EndedPlan[])[]>;
  /** Durable when it resolves. At most ENDED_BATCH_MAX plans. Errors: DISK_FAILED. */
  put(plans: readonly EndedPlan[]): Promise<void>;
  /** Removes the batch that was put with these plans. */
  remove(plans: readonly EndedPlan[]): Promise<void>;
}

/** A batch is named after when its first plan ended, and which. */
function nameOf([first]: readonly EndedPlan[]): string {
  return `${String(first!.endedMs).padStart(16, '0')}-${toHex(first!.planId)}`;
}

export class DiskEndedPlanStore implements EndedPlanStore {
  readonly #folder: RecordFolder;

  /** `directory` is used by this store alone. */
  constructor(init: { readonly directory: string }) {
    const name = /^[0-9]{16}-[0-9a-f]{64}$/;
    this.#folder = new RecordFolder({ ...init, extension: '.ended', name });
  }

  async load(onDamaged: (error: KadreError) => void): Promise<(readonly EndedPlan[])[]> {
    const batches: (readonly EndedPlan[])[] = [];
    for (const { name, body } of await this.#folder.readAll(onDamaged)) {
      const batch = decodeCanonical(body, batchShape, BATCH_BYTES_MAX);
      if (batch.ok && nameOf(batch.value.plans) === name) batches.push(batch.value.plans);
      else onDamaged(new KadreError({ code: 'DATA_DIR_DAMAGED' }, `${name}.ended is damaged`));
    }
    return batches;
  }

  put(plans: readonly EndedPlan[]): Promise<void> {
    return this.#folder.write(nameOf(plans), encodeCanonical({ v: 1, plans }));
  }

  remove(plans: readonly EndedPlan[]): Promise<void> {
    return this.#folder.remove(nameOf(plans));
  }
}

export class MemoryEndedPlanStore implements EndedPlanStore {
  readonly #batches = new Map<string, readonly EndedPlan[]>();

  async load(): Promise<(readonly EndedPlan[])[]> {
    return [...this.#batches.values()];
  }

  async put(plans: readonly EndedPlan[]): Promise<void> {
    this.#batches.set(nameOf(plans), plans);
  }

  async remove(plans: readonly EndedPlan[]): Promise<void> {
    this.#batches.delete(nameOf(plans));
  }
}
