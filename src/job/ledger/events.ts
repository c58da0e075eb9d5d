/**
 * What a block changed, grouped so that ten thousand shards of four workers stay a handful of
 * events. Members act on them, and their canonical bytes go into the state root
 * (docs/protocol/ledger.md, "Events" and "State root").
 */
import { concatBytes, toHex } from '../../base/bytes.ts';
import { DIGEST_BYTES, type Digest, type NodeId } from '../../base/ids.ts';
import { taggedHash } from '../../crypto/portable/hash.ts';
import { encodeCanonical } from '../../wire/cbor.ts';
import { TAGS } from '../../wire/tags.ts';
import type { RefusalReason } from '../records.ts';
import { packShards } from '../shard-list.ts';

/** Why a worker became entitled after the first wave. */
export type EntitledReason = 'refused' | 'overdue' | 'widened';
export type RetryReason = RefusalReason | 'overdue';
export const DISPUTE_KINDS = ['wrong-result', 'equivocation', 'withheld'] as const;
export type DisputeKind = (typeof DISPUTE_KINDS)[number];
export type LedgerFailureCode =
  | 'NO_AGREEMENT'
  | 'WORKERS_EXHAUSTED'
  | 'DEADLINE_PASSED'
  | 'JOB_CANCELLED';

/** Workers are roster indexes; shards ascend. */
export interface EntitledEvent {
  readonly kind: 'entitled';
  readonly wave: number;
  readonly worker: number;
  readonly shards: readonly number[];
  readonly reason: EntitledReason;
}

/** The seal sets of these shards closed with this worker inside: it may reveal them. */
export interface ClosedEvent {
  readonly kind: 'closed';
  readonly wave: number;
  readonly worker: number;
  readonly shards: readonly number[];
}

export interface AcceptedEvent {
  readonly kind: 'accepted';
  readonly shards: readonly number[];
  /** Shard result digests (`shardResultDigest`), 32 bytes each, in the order of `shards`. */
  readonly digests: Uint8Array;
}

/** Slow, silent or refused: nobody's fault that could be proven. */
export interface RetryEvent {
  readonly kind: 'retry';
  readonly worker: number;
  readonly shards: readonly number[];
  readonly reason: RetryReason;
}

/** An attributed fault. */
export interface DisputeEvent {
  readonly kind: 'dispute';
  readonly dispute: DisputeKind;
  readonly worker: number;
  readonly shards: readonly number[];
  /**
   * Record ids. `wrong-result`: the seal and the reveal; `equivocation`: the first seal and the
   * one that differs; `withheld`: the seal that was never opened.
   */
  readonly evidence: readonly Digest[];
}

export interface FailedEvent {
  readonly kind: 'failed';
  readonly code: LedgerFailureCode;
  /** The shard that could not be settled; absent for a deadline or a cancel. */
  readonly shard?: number;
}

/** f + 1 seats gave a silent one to a stand-in: the epoch ends here. */
export interface ReplacedEvent {
  readonly kind: 'replaced';
  /** The one that begins. */
  readonly epoch: number;
  readonly seat: number;
  readonly node: NodeId;
}

export interface DoneEvent {
  readonly kind: 'done';
  readonly resultsRoot: Digest;
}

export type LedgerEvent =
  | EntitledEvent
  | ClosedEvent
  | AcceptedEvent
  | RetryEvent
  | DisputeEvent
  | ReplacedEvent
  | FailedEvent
  | DoneEvent;

/** A group under construction: its event without shards, and the shards. */
interface Group<E extends { readonly shards: readonly number[] }> {
  readonly head: Omit<E, 'shards'>;
  readonly shards: number[];
}

/** Collects one block's changes into groups. */
export class EventLog {
  readonly #entitled = new Map<string, Group<EntitledEvent>>();
  readonly #closed = new Map<number, Group<ClosedEvent>>();
  readonly #retries = new Map<string, Group<RetryEvent>>();
  readonly #disputes = new Map<string, Group<DisputeEvent>>();
  readonly #accepted: number[] = [];
  readonly #digests: Digest[] = [];
  #replaced: ReplacedEvent | undefined;
  #end: FailedEvent | DoneEvent | undefined;

  entitled(shard: number, head: Omit<EntitledEvent, 'shards' | 'kind'>): void {
    const key = `${head.wave}/${head.worker}/${head.reason}`;
    add(this.#entitled, key, { kind: 'entitled', ...head }, shard);
  }

  /** `worker` below 2^16: the key stays a small integer, because this runs once per seal. */
  closed(shard: number, wave: number, worker: number): void {
    const key = wave * 65_536 + worker;
    const group = this.#closed.get(key);
    if (group === undefined) {
      this.#closed.set(key, { head: { kind: 'closed', wave, worker }, shards: [shard] });
    } else group.shards.push(shard);
  }

  accepted(shard: number, digest: Digest): void {
    this.#accepted.push(shard);
    this.#digests.push(digest);
  }

  retry(shard: number, worker: number, reason: RetryReason): void {
    add(this.#retries, `${worker}/${reason}`, { kind: 'retry', worker, reason }, shard);
  }

  dispute(shard: number, head: Omit<DisputeEvent, 'shards' | 'kind'>): void {
    const key = `${head.dispute}/${head.worker}/${head.evidence.map(toHex).join('/')}`;
    add(this.#disputes, key, { kind: 'dispute', ...head }, shard);
  }

  /** At most once: nothing follows it in a block. */
  replaced(event: Omit<ReplacedEvent, 'kind'>): void {
    this.#replaced = { kind: 'replaced', ...event };
  }

  failed(code: LedgerFailureCode, shard?: number): void {
    this.#end = { kind: 'failed', code, ...(shard === undefined ? {} : { shard }) };
  }

  done(resultsRoot: Digest): void {
    this.#end = { kind: 'done', resultsRoot };
  }

  retries(): RetryEvent[] {
    return finished<RetryEvent>(this.#retries);
  }

  disputes(): DisputeEvent[] {
    return finished<DisputeEvent>(this.#disputes);
  }

  /** In a fixed order of kinds; within a kind in the order of first occurrence. */
  events(): LedgerEvent[] {
    const events: LedgerEvent[] = [
      ...finished<EntitledEvent>(this.#entitled),
      ...finished<ClosedEvent>(this.#closed),
    ];
    if (this.#accepted.length > 0) events.push(this.#acceptedEvent());
    events.push(...this.retries(), ...this.disputes());
    if (this.#replaced !== undefined) events.push(this.#replaced);
    if (this.#end !== undefined) events.push(this.#end);
    return events;
  }

  #acceptedEvent(): AcceptedEvent {
    const accepted = this.#accepted;
    const order = [...accepted.keys()].sort((a, b) => accepted[a]! - accepted[b]!);
    const digests = new Uint8Array(order.length * DIGEST_BYTES);
    order.forEach((from, to) => {
      digests.set(this.#digests[from]!, to * DIGEST_BYTES);
    });
    return { kind: 'accepted', shards: order.map((at) => accepted[at]!), digests };
  }
}

function add<K, E extends { readonly shards: readonly number[] }>(
  groups: Map<K, Group<E>>,
  key: K,
  head: Omit<E, 'shards'>,
  shard: number,
): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, { head, shards: [shard] });
  else group.shards.push(shard);
}

function finished<E extends { readonly shards: readonly number[] }>(
  groups: ReadonlyMap<unknown, Group<E>>,
): E[] {
  return [...groups.values()].map(
    ({ head, shards }) => ({ ...head, shards: shards.toSorted((a, b) => a - b) }) as unknown as E,
  );
}

/** The root that the ledger of a plan starts from. */
export function genesisRoot(planId: Digest): Digest {
  return taggedHash(TAGS.ledgerState, planId);
}

/**
 * H(ledgerState, previous root, canonical {records, events}): what went in and what came out, so
 * that two members whose reducers differ anywhere that matters disagree on the root.
 */
export function nextRoot(
  previous: Digest,
  recordIds: readonly Digest[],
  events: readonly LedgerEvent[],
): Digest {
  const packed = events.map((event) =>
    'shards' in event ? { ...event, shards: packShards(event.shards) } : event,
  );
  const body = encodeCanonical({ records: concatBytes([...recordIds]), events: packed });
  return taggedHash(TAGS.ledgerState, previous, body);
}
