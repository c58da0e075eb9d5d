/**
 * Tells workers and requester what the ledger decided: entitlements after the first wave, closed
 * seal sets, progress, the end. Every judge says it; nobody has to believe one alone.
 */
import { type PeerId, peerIdOf } from '../base/ids.ts';
import type { Logger, Network } from '../base/ports.ts';
import type { EpochLink } from '../certificate/epochs.ts';
import type { LedgerEvent } from '../job/ledger/events.ts';
import type { LedgerState } from '../job/ledger/ledger-state.ts';
import { type Awaited, awaitedOf, closedSetsOf } from '../job/ledger/read-ledger.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { packShards } from '../job/shard-list.ts';
import { decodeMessage, encodeMessage, type JobNotice, jobAnswerShape } from './job-messages.ts';
import { outcomeOf } from './outcome.ts';

export interface AnnouncerComponents {
  readonly network: Network;
  readonly log: Logger;
  /** Called with workers that could not be told of their entitlement. */
  readonly onUnreachable: (worker: number) => void;
}

export interface AnnouncerInit {
  readonly plan: OpenPlan;
  /** Nobody else tells the workers of a detached job how it ended. */
  readonly detached: boolean;
}

const ASSIGN_TIMEOUT_MS = 3_000;
type Entitled = Extract<LedgerEvent, { kind: 'entitled' }>;
type Closed = Extract<LedgerEvent, { kind: 'closed' }>;

export class Announcer {
  readonly #components: AnnouncerComponents;
  readonly #plan: OpenPlan;
  readonly #detached: boolean;
  readonly #requester: PeerId;
  /** Closed sets by worker, to be said again when a worker asks. */
  readonly #closed = new Map<number, { wave: number; shards: readonly number[] }[]>();
  /** How the cadre of now came to be. */
  #links: readonly EpochLink[] = [];
  #accepted = 0;
  #outcome: JobNotice | undefined;

  constructor(components: AnnouncerComponents, { plan, detached }: AnnouncerInit) {
    this.#components = components;
    this.#plan = plan;
    this.#detached = detached;
    this.#requester = peerIdOf(plan.spec.requester);
  }

  /**
   * What earlier blocks decided, for whoever was not there when they became final. Workers that are
   * to reveal hear it now: they believe f + 1, and those who were there may be no more than f.
   */
  resume(ledger: LedgerState): void {
    this.#closed.clear();
    for (const { worker, wave, shards } of closedSetsOf(this.#plan, ledger)) {
      const known = this.#closed.get(worker) ?? [];
      this.#closed.set(worker, [...known, { wave, shards }]);
    }
    this.#accepted = ledger.acceptedCount;
    for (const late of awaitedOf(this.#plan, ledger)) {
      if (late.phase === 'reveal') this.remind(late);
    }
  }

  /** To one worker what it may reveal, once more. */
  remind({ worker, wave, shards }: Pick<Awaited, 'worker' | 'wave' | 'shards'>): void {
    this.#sendClosed(worker, wave, shards);
  }

  /** How the cadre of now came to be, for whoever asks. */
  know(links: readonly EpochLink[]): void {
    this.#links = links;
  }

  /** Workers and requester hear who judges from now on, with the proof. */
  tellCadre(links: readonly EpochLink[]): void {
    this.know(links);
    const notice = this.#cadreNotice();
    if (notice === undefined) return;
    this.#send(this.#requester, notice);
    for (const worker of this.#plan.workers) this.#send(this.#peerOf(worker), notice);
  }

  #cadreNotice(): JobNotice | undefined {
    const { planId } = this.#plan;
    return this.#links.length === 0 ? undefined : { t: 'cadre', planId, links: [...this.#links] };
  }

  /** Acts on what one block changed. */
  announce(events: readonly LedgerEvent[]): void {
    const acceptedBefore = this.#accepted;
    const isEnd = events.some(({ kind }) => kind === 'done' || kind === 'failed');
    for (const event of events) {
      if (event.kind === 'entitled') void this.#entitle(event);
      if (event.kind === 'closed') this.#tellClosed(event);
      if (event.kind === 'accepted') this.#accepted += event.shards.length;
    }
    // The last progress is the outcome.
    if (this.#accepted > acceptedBefore && !isEnd) {
      const { planId } = this.#plan;
      this.#send(this.#requester, { t: 'progress', planId, accepted: this.#accepted });
    }
  }

  /** To one worker every closed set that contains it; after the end, to whom it may concern. */
  repeat(peer: PeerId): void {
    const cadre = this.#cadreNotice();
    if (cadre !== undefined) this.#send(peer, cadre);
    if (this.#outcome !== undefined && peer === this.#requester) this.#send(peer, this.#outcome);
    const worker = this.#plan.nodes.findIndex((node) => peerIdOf(node) === peer);
    if (worker < 0) return;
    if (this.#outcome !== undefined) {
      this.#send(peer, { t: 'ended', planId: this.#plan.planId });
      return;
    }
    for (const { wave, shards } of this.#closed.get(worker) ?? []) {
      this.#sendClosed(worker, wave, shards);
    }
  }

  /**
   * The end, to the requester, who dismisses its workers. Where it may be gone, and where work must
   * stop at once because the job came to nothing, they hear it from us too; who was missed asks.
   */
  end(state: LedgerState): void {
    this.#outcome = { t: 'outcome', outcome: outcomeOf(this.#plan, state) };
    this.#send(this.#requester, this.#outcome);
    if (!this.#detached && state.failure === undefined) return;
    const { planId, workers } = this.#plan;
    for (const worker of workers) this.#send(this.#peerOf(worker), { t: 'ended', planId });
  }

  /** True when the worker says, now, that it runs these shards. */
  async assign(entitled: Pick<Entitled, 'worker' | 'wave' | 'shards'>): Promise<boolean> {
    const { worker, wave, shards } = entitled;
    const packed = packShards(shards);
    const body = encodeMessage({ t: 'assign', wave, shards: packed, package: this.#plan.package });
    const { network } = this.#components;
    const answer = await network.request(this.#peerOf(worker), 'job', body, {
      timeoutMs: ASSIGN_TIMEOUT_MS,
    });
    const decoded = decodeMessage(answer, jobAnswerShape);
    return decoded.ok && decoded.value.t === 'claim';
  }

  #tellClosed(event: Closed): void {
    const { worker, wave, shards } = event;
    const known = this.#closed.get(worker) ?? [];
    this.#closed.set(worker, [...known, { wave, shards }]);
    this.#sendClosed(worker, wave, shards);
  }

  #sendClosed(worker: number, wave: number, shards: readonly number[]): void {
    const { planId } = this.#plan;
    this.#send(this.#peerOf(worker), { t: 'closed', planId, wave, shards: packShards(shards) });
  }

  async #entitle(event: Entitled): Promise<void> {
    const { log, onUnreachable } = this.#components;
    try {
      await this.assign(event);
    } catch (cause) {
      log.log('debug', 'assign-failed', { peer: this.#peerOf(event.worker), cause: `${cause}` });
      onUnreachable(event.worker);
    }
  }

  #peerOf(worker: number): PeerId {
    return peerIdOf(this.#plan.nodes[worker]!);
  }

  #send(peer: PeerId, notice: JobNotice): void {
    this.#components.network.send(peer, 'job', encodeMessage(notice));
  }
}
