/**
 * Fetches a snapshot for a replica that lacks more than blocks can bridge: chunk by chunk from one
 * signer of the certificate, checked as a whole, and from the next one when it stalls or lies.
 * One at a time, bounded in bytes. Design consensus.md section 1.8; ADR 0205.
 */
import { concatBytes, equalBytes } from '../base/bytes.ts';
import type { Digest } from '../base/ids.ts';
import type { Clock, Logger, Timer } from '../base/ports.ts';
import { accept, type Checked, type Refusal, refuse } from '../base/verdict.ts';
import type { StateSnapshots } from './application.ts';
import { decodeEvidence, type HeldEvidence } from './evidence.ts';
import { checkSnapshot } from './install-snapshot.ts';
import { blockId, type Message, type MessageOf } from './messages.ts';
import { cutChain, decodeSnapshot, type Snapshot } from './snapshot.ts';
import type { SyncEvidence } from './sync-evidence.ts';

/** A chunk may take this long before another member is asked, ms. */
const CHUNK_MS = 4_000;

/** What a walk backwards brought. */
export type SnapshotWish = Pick<Snapshot, 'cert' | 'headers'>;

export interface SyncSnapshotsComponents {
  readonly clock: Clock;
  readonly log: Logger;
  readonly evidence: SyncEvidence;
  /** Absent: this application has none, and nothing is fetched. */
  readonly snapshots: StateSnapshots<unknown> | undefined;
  send(seat: number, message: Message): void;
  take(snapshot: Snapshot): void;
}

interface Fetch {
  readonly wish: SnapshotWish;
  readonly height: number;
  readonly id: Digest;
  /** Who is still to be asked; the first is being asked. */
  readonly seats: number[];
  parts: Uint8Array[];
  received: number;
  total: number | undefined;
  timer: Timer | undefined;
}

export class SyncSnapshots {
  readonly #world: SyncSnapshotsComponents;
  #fetch: Fetch | undefined;

  constructor(components: SyncSnapshotsComponents) {
    this.#world = components;
  }

  stop(): void {
    this.#end();
  }

  /** Asks these seats in turn, unless a snapshot is on its way already. */
  begin(wish: SnapshotWish, seats: readonly number[]): void {
    if (this.#fetch !== undefined || this.#world.snapshots === undefined) return;
    const cut = cutChain(wish.cert, wish.headers);
    if (!cut.ok) return;
    const { checkpoint } = cut.value;
    this.#fetch = {
      wish,
      height: checkpoint.height,
      id: blockId(checkpoint),
      seats: [...seats],
      parts: [],
      received: 0,
      total: undefined,
      timer: undefined,
    };
    this.#ask(this.#fetch);
  }

  /** An answer; a refusal is the sender's fault. What was not asked for is not looked at. */
  async onChunk(from: number, chunk: MessageOf<'snapshot'>): Promise<Refusal | undefined> {
    const fetch = this.#fetch;
    if (fetch === undefined || from !== fetch.seats[0]) return undefined;
    if (!equalBytes(chunk.blockId, fetch.id) || chunk.offset !== fetch.received) return undefined;
    if (chunk.total === 0) {
      this.#askNext(fetch);
      return undefined;
    }
    fetch.total ??= chunk.total;
    const received = fetch.received + chunk.bytes.length;
    if (chunk.bytes.length === 0 || chunk.total !== fetch.total || received > fetch.total) {
      this.#askNext(fetch);
      return refuse('snapshot-chunk');
    }
    fetch.parts.push(chunk.bytes);
    fetch.received = received;
    if (received < fetch.total) {
      this.#ask(fetch);
      return undefined;
    }
    return this.#complete(fetch);
  }

  async #complete(fetch: Fetch): Promise<Refusal | undefined> {
    fetch.timer?.cancel();
    const opened = await this.#open(fetch);
    if (this.#fetch !== fetch) return undefined;
    if (!opened.ok) {
      this.#askNext(fetch);
      return opened;
    }
    this.#end();
    this.#world.take(opened.value);
    return undefined;
  }

  async #open({ parts, wish, height }: Fetch): Promise<Checked<Snapshot>> {
    const body = decodeSnapshot(concatBytes(parts));
    if (!body.ok) return body;
    if (body.value.height !== height) return refuse('snapshot-height');
    return openSnapshot(this.#world, wish, body.value);
  }

  #ask(fetch: Fetch): void {
    const { clock, log, send } = this.#world;
    const seat = fetch.seats[0];
    if (seat === undefined) {
      this.#end();
      return;
    }
    fetch.timer?.cancel();
    fetch.timer = clock.setTimer(CHUNK_MS, () => {
      log.log('warn', 'consensus.snapshot-stalled', { seat, received: fetch.received });
      this.#askNext(fetch);
    });
    send(seat, { kind: 'want-snapshot', blockId: fetch.id, offset: fetch.received });
  }

  /** From the beginning: what one member said is not mixed with what another says. */
  #askNext(fetch: Fetch): void {
    fetch.seats.shift();
    fetch.parts = [];
    fetch.received = 0;
    fetch.total = undefined;
    this.#ask(fetch);
  }

  #end(): void {
    this.#fetch?.timer?.cancel();
    this.#fetch = undefined;
  }
}

/**
 * Restores and checks what somebody claims. Reasons: the application's, those of evidence and of
 * `checkSnapshot`.
 */
export async function openSnapshot(
  components: Pick<SyncSnapshotsComponents, 'clock' | 'evidence' | 'snapshots'>,
  wish: SnapshotWish,
  body: { readonly evidence: readonly Uint8Array[]; readonly state: Uint8Array },
): Promise<Checked<Snapshot>> {
  const { clock, snapshots } = components;
  if (snapshots === undefined) return refuse('no-snapshots', 'ignore');
  const evidence: HeldEvidence[] = [];
  for (const bytes of body.evidence) {
    const decoded = decodeEvidence(bytes);
    if (!decoded.ok) return decoded;
    const held = await components.evidence.prove(decoded.value);
    if (!held.ok) return held;
    evidence.push(held.value);
  }
  const pause = () => new Promise<void>((resolve) => void clock.setTimer(0, resolve));
  const executed = await snapshots.decode(body.state, pause);
  if (!executed.ok) return executed;
  const snapshot: Snapshot = { ...wish, evidence, executed: executed.value };
  const checked = checkSnapshot(snapshot);
  return checked.ok ? accept(snapshot) : checked;
}
