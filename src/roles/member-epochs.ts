/**
 * One member's way through the epochs of a plan: the replica and the log of the one that runs, the
 * change to the next when its cadre is final, and catching up with members that are ahead. The
 * order of a change is what makes it safe: the old replica has stopped, then the new epoch's log is
 * durable, then its replica speaks (design consensus.md sections 1.9 and 1.11).
 */
import { asKadreError, type KadreError } from '../base/errors.ts';
import { type NodeId, type PeerId, peerIdOf } from '../base/ids.ts';
import type { Clock, Logger, Network } from '../base/ports.ts';
import type { EpochLink } from '../certificate/epochs.ts';
import type { Payload } from '../consensus/application.ts';
import type { ConsensusDriver } from '../consensus/driver.ts';
import type { Commit } from '../consensus/effects.ts';
import { type Cadre, cadreAfter } from '../job/cadre.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import type { OpenedLog, StoredHandover } from '../store/plan-store.ts';
import { windowOf } from '../swarm/cadre-order.ts';
import { sealEnvelope } from './envelope.ts';
import { fetchHandover, type OpenedHandover, openHandover } from './handover.ts';
import type { EpochStart, JobState } from './ledger-application.ts';
import { ledgerSnapshots } from './ledger-snapshots.ts';

/** Where a replica runs. */
export interface EpochSeat {
  readonly cadre: Cadre;
  /** Absent in the plan's first epoch. */
  readonly start: EpochStart | undefined;
  readonly log: OpenedLog;
  /** Nothing was signed in this epoch with our key yet. */
  readonly keyIsNew: boolean;
}

export interface MemberEpochsComponents {
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface MemberEpochsInit {
  readonly plan: OpenPlan;
  readonly self: NodeId;
  readonly first: {
    readonly log: OpenedLog;
    readonly keyIsNew: boolean;
    readonly handover: OpenedHandover | undefined;
  };
  readonly driver: (at: EpochSeat) => ConsensusDriver<JobState>;
  /** The next epoch's log, durable; the last one's is closed. */
  readonly nextLog: (handover: StoredHandover) => Promise<OpenedLog>;
  /** A later epoch than before runs here; what was held and not final is to be judged anew. */
  readonly onBegun: (held: readonly Payload[]) => void;
  /** Somebody else has our seat. */
  readonly onReplaced: () => void;
  readonly onFailed: (error: KadreError) => void;
}

interface Running extends EpochSeat {
  readonly driver: ConsensusDriver<JobState>;
  /** How the epoch began; absent in the plan's first. */
  readonly handover: StoredHandover | undefined;
}

/** Members behind or ahead of us are told, and asked, no more often. */
const PACE_MS = 1_000;

export class MemberEpochs {
  readonly #components: MemberEpochsComponents;
  readonly #init: MemberEpochsInit;
  readonly #stopping = new AbortController();
  /** Whoever can ever have a seat of this plan, and when it was last told something. */
  readonly #toldMs: Map<PeerId, number>;
  #at: Running;
  #isChanging = false;
  #isAsking = false;

  constructor(components: MemberEpochsComponents, init: MemberEpochsInit) {
    this.#components = components;
    this.#init = init;
    const { plan, first } = init;
    const { handover, log, keyIsNew } = first;
    const cadre = handover?.cadre ?? cadreAfter(plan, []);
    this.#at = this.#run({ cadre, start: handover?.start, log, keyIsNew }, handover);
    const window = plan.cadreRanks.slice(0, windowOf(plan.policy.cadre));
    this.#toldMs = new Map(window.map((index) => [peerIdOf(plan.nodes[index]!), -PACE_MS]));
  }

  get driver(): ConsensusDriver<JobState> {
    return this.#at.driver;
  }

  get cadre(): Cadre {
    return this.#at.cadre;
  }

  /** How the running epoch began; undefined in the plan's first. */
  get handover(): StoredHandover | undefined {
    return this.#at.handover;
  }

  get links(): readonly EpochLink[] {
    return this.#at.handover?.links ?? [];
  }

  /** True for those who may ever have a seat. */
  mayJudge(peer: PeerId): boolean {
    return this.#toldMs.has(peer);
  }

  async start(): Promise<void> {
    await this.#at.driver.start();
    // What came from the log may already end the epoch that the log is of.
    if (this.#at.handover !== undefined) this.#greetAll();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    const { driver, log } = this.#at;
    try {
      await driver.stop();
    } finally {
      await log.wal.close();
    }
  }

  /** A consensus message of one who may have, or have had, a seat. */
  receive(from: PeerId, epoch: number, message: Uint8Array): void {
    const { cadre, driver } = this.#at;
    if (epoch === cadre.epoch) {
      const seat = cadre.seats.findIndex(({ node }) => peerIdOf(node) === from);
      if (seat >= 0 && !this.#isChanging) driver.receive(seat, message);
    } else if (epoch > cadre.epoch) this.#catchUp(from);
    else this.#tellNewer(from);
  }

  /** A final block: with it the epoch may be over. */
  committed({ state, cert }: Commit<JobState>): void {
    const { standIns } = state.ledger;
    const { cadre } = this.#at;
    if (standIns.length <= cadre.epoch || this.#isChanging) return;
    const { plan } = this.#init;
    const links = [...this.links, { commit: cert, entry: standIns[cadre.epoch]! }];
    const history = ledgerSnapshots(plan).encode(state);
    const next = cadreAfter(plan, standIns);
    this.#change({ links, history, cadre: next, start: { epoch: next.epoch, state } });
  }

  #run(seat: EpochSeat, handover: StoredHandover | undefined): Running {
    return { ...seat, handover, driver: this.#init.driver(seat) };
  }

  #change(next: OpenedHandover): void {
    if (this.#isChanging || next.cadre.epoch <= this.#at.cadre.epoch) return;
    this.#isChanging = true;
    this.#changeTo(next)
      .catch((cause: unknown) => {
        if (!this.#isStopped) this.#init.onFailed(asKadreError(cause, 'STOPPED', 'a new epoch'));
      })
      .finally(() => {
        this.#isChanging = false;
      });
  }

  async #changeTo(next: OpenedHandover): Promise<void> {
    const { self, nextLog, onReplaced, onBegun } = this.#init;
    const { epoch, seats } = next.cadre;
    const before = this.#at;
    const held = before.driver.pending;
    // A log that was put back may be of an epoch before one that our key has signed in: only
    // who was cleared, or began with a new key, knows better. Others ask what was seen of them.
    const keyIsNew = before.driver.signing === 'active';
    await before.driver.stop();
    await before.log.wal.close();
    if (this.#isStopped) return;
    this.#components.log.log('info', 'epoch-begins', {
      epoch,
      seat: next.links.at(-1)!.entry.seat,
    });
    if (!seats.some(({ node }) => peerIdOf(node) === peerIdOf(self))) {
      onReplaced();
      return;
    }
    const log = await nextLog({ links: next.links, history: next.history });
    const { links, history, cadre, start } = next;
    this.#at = this.#run({ cadre, start, log, keyIsNew }, { links, history });
    if (this.#isStopped) {
      await log.wal.close();
      return;
    }
    await this.#at.driver.start();
    this.#greetAll();
    onBegun(held);
  }

  get #isStopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Also the stand-in, which may know nothing of its seat's epoch yet. */
  #greetAll(): void {
    const peers = this.#at.cadre.seats.map(({ node }) => peerIdOf(node));
    for (const peer of peers) if (peer !== peerIdOf(this.#init.self)) this.#greet(peer);
  }

  /** Its next message from there shows it that it is behind. */
  #tellNewer(peer: PeerId): void {
    if (this.#isChanging || !this.#isDue(peer)) return;
    this.#greet(peer);
  }

  /** Shows a peer how far we are. */
  #greet(peer: PeerId): void {
    const { planId } = this.#init.plan;
    const { cadre, driver } = this.#at;
    const bytes = sealEnvelope({ planId, epoch: cadre.epoch, message: driver.greeting() });
    this.#components.network.send(peer, 'consensus', bytes);
  }

  #catchUp(peer: PeerId): void {
    if (this.#isChanging || this.#isAsking || !this.#isDue(peer)) return;
    const { network, clock, log } = this.#components;
    const { plan } = this.#init;
    const { signal } = this.#stopping;
    this.#isAsking = true;
    fetchHandover(this.#components, peer, plan.planId, { signal })
      .then((fetched) => openHandover(plan, fetched, clock))
      .then((opened) => {
        if (opened.ok) this.#change(opened.value);
        else network.penalise(peer, opened.penalty, opened.reason);
      })
      .catch((cause: unknown) => log.log('debug', 'no-handover', { peer, cause: String(cause) }))
      .finally(() => {
        this.#isAsking = false;
      });
  }

  /** Only those who can have a seat, each now and then. */
  #isDue(peer: PeerId): boolean {
    const nowMs = this.#components.clock.monotonicMs();
    const toldMs = this.#toldMs.get(peer);
    if (toldMs === undefined || nowMs - toldMs < PACE_MS) return false;
    this.#toldMs.set(peer, nowMs);
    return true;
  }
}
