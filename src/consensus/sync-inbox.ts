/**
 * What members send, on its way in: decoded, judged by what the replica knows, its signatures
 * checked, and only then an input. Bounded per member; a refusal is the sender's, never ours.
 */
import type { Clock } from '../base/ports.ts';
import { type Refusal, refuse } from '../base/verdict.ts';
import type { HeldEvidence } from './evidence.ts';
import type { Input } from './inputs.ts';
import { decodeMessage, type Message, type SignedMessage, type SyncInfo } from './messages.ts';
import type { Occupancy } from './occupancy.ts';
import { judge } from './relevance.ts';
import type { ReplicaState } from './replica-state.ts';
import { type Check, checksOf, type Electorate } from './signature-checks.ts';
import type { SyncClient } from './sync-client.ts';
import type { SyncEvidence } from './sync-evidence.ts';
import type { Probation } from './sync-probation.ts';
import type { SyncSeen } from './sync-seen.ts';
import type { SyncServer } from './sync-server.ts';
import type { SyncSnapshots } from './sync-snapshots.ts';
import { markVerified, type Verified, type Vote } from './types.ts';

/** Messages of one member that are under verification at once at most; more are dropped. */
export const INFLIGHT_PER_SEAT_MAX = 256;
/** Their bytes: what a member may draw of another at once (sync-server.ts). */
export const INFLIGHT_BYTES_PER_SEAT_MAX = 32 << 20;
/** One unproven question of a member is answered in this time. */
const ANSWER_PACE_MS = 50;

export interface InboxComponents<S> {
  readonly clock: Clock;
  readonly seats: Electorate;
  readonly server: SyncServer<S>;
  readonly client: SyncClient;
  readonly snapshots: SyncSnapshots;
  readonly seen: SyncSeen;
  readonly evidence: SyncEvidence;
  readonly probation: Probation;
  state(): ReplicaState<S>;
  /** True when every signature holds. */
  check(checks: readonly Check[]): Promise<boolean>;
  send(seat: number, message: Message): void;
  take(input: Input): void;
  /** A member voted, in time or not. */
  onVote(vote: Vote): void;
  onRefused(seat: number, refusal: Refusal): void;
  onFailed(cause: unknown): void;
}

export class Inbox<S> {
  readonly #world: InboxComponents<S>;
  /** By seat: messages that are being judged, and their bytes. */
  readonly #inflight = new Map<number, { readonly count: number; readonly bytes: number }>();
  /** When a seat was last answered without having proved anything. */
  readonly #answeredMs = new Map<string, number>();

  constructor(components: InboxComponents<S>) {
    this.#world = components;
  }

  get occupancy(): Occupancy {
    const inflight = [...this.#inflight.values()].reduce((sum, { count }) => sum + count, 0);
    return { inflight };
  }

  receive(from: number, bytes: Uint8Array): void {
    if (!this.#enter(from, bytes.length)) return;
    this.#admit(from, bytes)
      .then((refusal) => {
        if (refusal !== undefined && refusal.penalty !== 'ignore') {
          this.#world.onRefused(from, refusal);
        }
      })
      .catch((cause: unknown) => this.#world.onFailed(cause))
      .finally(() => this.#leave(from, bytes.length));
  }

  /** False when a seat has as much under way as it may. */
  #enter(from: number, length: number): boolean {
    const { count, bytes } = this.#inflight.get(from) ?? { count: 0, bytes: 0 };
    if (count >= INFLIGHT_PER_SEAT_MAX) return false;
    if (bytes + length > INFLIGHT_BYTES_PER_SEAT_MAX) return false;
    this.#inflight.set(from, { count: count + 1, bytes: bytes + length });
    return true;
  }

  #leave(from: number, length: number): void {
    const { count, bytes } = this.#inflight.get(from)!;
    this.#inflight.set(from, { count: count - 1, bytes: bytes - length });
  }

  /** Decodes and judges one message; the refusal is the sender's. */
  async #admit(from: number, bytes: Uint8Array): Promise<Refusal | undefined> {
    const { server, client, probation, seen, send } = this.#world;
    const decoded = decodeMessage(bytes);
    if (!decoded.ok) return decoded;
    const message = decoded.value;
    switch (message.kind) {
      case 'want-blocks':
      case 'want-payloads':
      case 'want-snapshot':
        for (const answer of server.answer(from, message)) send(from, answer);
        return undefined;
      case 'blocks': {
        const taken = client.onBlocks(message);
        return taken.ok ? undefined : taken;
      }
      case 'payload':
        return client.onPayload(message);
      case 'snapshot':
        return this.#world.snapshots.onChunk(from, message);
      case 'evidence':
        return this.#admitEvidence(message.evidence);
      case 'want-seen':
        if (this.#mayAnswer(from, 'seen')) send(from, seen.answerTo(from));
        return undefined;
      case 'seen':
        return probation.onSeen(from, message.messages);
      default:
        return this.#admitSigned(from, message);
    }
  }

  async #admitSigned(
    from: number,
    received: SignedMessage | SyncInfo,
  ): Promise<Refusal | undefined> {
    const { take, seen, onVote } = this.#world;
    if (received.kind === 'vote' && received.voter === from) onVote(received);
    const judged = judge(this.#world.state(), received);
    if (judged.kind === 'stale') return undefined;
    if (judged.kind === 'behind') {
      if (this.#mayAnswer(from, 'behind')) take({ kind: 'behind', from });
      return undefined;
    }
    const { message } = judged;
    const refusal = await this.#refusalOf(message, from);
    if (refusal !== undefined) {
      this.#hold(await this.#world.evidence.ofRefused(message, from), true);
      return refusal;
    }
    seen.note(message);
    if (message.kind === 'sync') take({ kind: 'sync', message: markVerified(message), from });
    else take(inputOf(markVerified(message)));
    return undefined;
  }

  async #refusalOf(message: SignedMessage | SyncInfo, from: number): Promise<Refusal | undefined> {
    const checks = checksOf(this.#world.seats, message, from);
    if (!checks.ok) return checks;
    return (await this.#world.check(checks.value)) ? undefined : refuse('bad-signature');
  }

  async #admitEvidence(bytes: Uint8Array): Promise<Refusal | undefined> {
    const held = await this.#world.evidence.ofOther(bytes);
    if (!held.ok) return held;
    this.#hold(held.value, false);
    return undefined;
  }

  #hold(held: HeldEvidence | undefined, found: boolean): void {
    if (held !== undefined) this.#world.take({ kind: 'evidence', held, found });
  }

  /** Answers to what was not checked are rarer than any honest member asks for them. */
  #mayAnswer(seat: number, what: 'seen' | 'behind'): boolean {
    const nowMs = this.#world.clock.monotonicMs();
    const name = `${seat} ${what}`;
    if (nowMs - (this.#answeredMs.get(name) ?? -ANSWER_PACE_MS) < ANSWER_PACE_MS) return false;
    this.#answeredMs.set(name, nowMs);
    return true;
  }
}

function inputOf(message: Verified<SignedMessage>): Input {
  return { kind: message.kind, message } as Input;
}
