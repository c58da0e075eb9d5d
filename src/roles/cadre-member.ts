/**
 * One plan at one member of its cadre: a consensus replica over the job ledger, this member's own
 * clock for marks, and the certificate when the last shard is accepted (steps 10 and 11).
 */
import { toHex } from '../base/bytes.ts';
import { type NodeId, type PeerId, peerIdOf } from '../base/ids.ts';
import type { Clock, Logger, Network, Signer } from '../base/ports.ts';
import { accept, type Checked } from '../base/verdict.ts';
import { certifyLedger } from '../certificate/build.ts';
import type { Payload } from '../consensus/application.ts';
import type { ConsensusDriver } from '../consensus/driver.ts';
import type { Commit } from '../consensus/effects.ts';
import {
  buildDeadline,
  buildOverdue,
  buildReplace,
  encodeRecord,
  type Marker,
} from '../job/build-record.ts';
import { type CheckedRecord, checkRecord } from '../job/ledger/check-record.ts';
import { isFinal, type LedgerState } from '../job/ledger/ledger-state.ts';
import type { LedgerQuestion } from '../job/ledger/page-ledger.ts';
import { type Awaited, awaitedOf } from '../job/ledger/read-ledger.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { recordBatches } from '../job/shard-list.ts';
import type { StoredHandover } from '../store/plan-store.ts';
import { Announcer } from './announcer.ts';
import type { JobAnswer, Outcome } from './job-messages.ts';
import { checkSentRecord, sendRecord } from './judges.ts';
import { type JobState, payloadOf } from './ledger-application.ts';
import { type EpochSeat, MemberEpochs, type MemberEpochsInit } from './member-epochs.ts';
import { outcomeOf } from './outcome.ts';
import { OverdueWatch } from './overdue-watch.ts';
import { SilenceWatch } from './silence-watch.ts';
import { StandInSeeker } from './stand-in-seeker.ts';
import { whyAnswer } from './why-answer.ts';

export interface CadreMemberComponents {
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface CadreMemberInit {
  readonly plan: OpenPlan;
  readonly seat: number;
  /** The key made for this plan. */
  readonly planKey: Signer;
  /** The job goes on without its requester: workers hear of its end from us. */
  readonly detached: boolean;
  /** Where it begins, and how the newest epoch did when it is not the plan's first. */
  readonly first: MemberEpochsInit['first'];
  /** The next epoch's log, durable; the last one's is closed. */
  readonly nextLog: MemberEpochsInit['nextLog'];
  /** Makes a replica; its commits must come to `committed`. */
  readonly driver: (member: CadreMember, at: EpochSeat) => ConsensusDriver<JobState>;
  /** Somebody else has this seat now: called once, when nothing of it is needed any more. */
  readonly onReplaced: () => void;
  /** Called once, when nothing more can happen to this plan. */
  readonly onEnd: () => void;
}

export class CadreMember {
  readonly plan: OpenPlan;
  readonly #components: CadreMemberComponents;
  readonly #init: CadreMemberInit;
  readonly #epochs: MemberEpochs;
  readonly #silence: SilenceWatch;
  readonly #seeker: StandInSeeker;
  readonly #announcer: Announcer;
  readonly #watch: OverdueWatch;
  readonly #marker: Marker;
  readonly #stopping = new AbortController();
  #ended = false;
  /** The block that finished the job. */
  #done: Commit<JobState> | undefined;
  #certificate: Uint8Array | undefined;

  constructor(components: CadreMemberComponents, init: CadreMemberInit) {
    const { plan } = init;
    this.plan = plan;
    this.#components = components;
    this.#init = init;
    this.#marker = { seat: init.seat, signer: init.planKey };
    const onUnreachable = (worker: number) => this.#watch.suspect(worker);
    this.#announcer = new Announcer({ ...components, onUnreachable }, init);
    this.#watch = new OverdueWatch(
      {
        ...components,
        onOverdue: (late) => this.#markOverdue(late),
        assign: (late) => this.#announcer.assign(late),
        remind: (late) => this.#announcer.remind(late),
        onDeadline: () => this.#mark(buildDeadline(this.#marker, plan.planId)),
      },
      plan,
    );
    this.#silence = this.#watchSilence();
    this.#seeker = this.#seekStandIns();
    this.#epochs = this.#makeEpochs();
  }

  get #driver(): ConsensusDriver<JobState> {
    return this.#epochs.driver;
  }

  #watchSilence(): SilenceWatch {
    const { clock } = this.#components;
    const { plan, seat } = this.#init;
    const others = plan.seats.map((_, other) => other).filter((other) => other !== seat);
    return new SilenceWatch(
      {
        clock,
        probe: (silent) => this.#driver.probe(silent),
        onSilent: (silent) => this.#seeker.seek(silent),
      },
      { others, heardMin: plan.q - 1 },
    );
  }

  #seekStandIns(): StandInSeeker {
    return new StandInSeeker(
      {
        ...this.#components,
        ledger: () => this.#driver.finalState.ledger,
        links: () => this.#epochs.links,
        vouch: (entry) => {
          const { epoch } = this.#epochs.cadre;
          this.#mark(buildReplace(this.#marker, { planId: this.plan.planId, epoch }, entry));
        },
      },
      this.#init,
    );
  }

  #makeEpochs(): MemberEpochs {
    const { plan, seat, first, nextLog, onReplaced } = this.#init;
    const { log } = this.#components;
    const { handover } = first;
    if (handover !== undefined) {
      this.#announcer.know(handover.links);
      this.#announcer.resume(handover.start.state.ledger);
    }
    return new MemberEpochs(this.#components, {
      ...{ plan, first, nextLog, onReplaced },
      self: (handover?.cadre ?? plan).seats[seat]!.node,
      driver: (at) => this.#init.driver(this, at),
      onBegun: (held) => this.#begun(held),
      onFailed: ({ code, message }) =>
        log.log('error', 'replica-stopped', { planId: toHex(plan.planId), code, message }),
    });
  }

  async start(): Promise<void> {
    await this.#epochs.start();
    this.#watch.start();
    if (!this.#ended) this.#silence.start();
    this.#watch.update(awaitedOf(this.plan, this.#driver.finalState.ledger));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#watch.stop();
    this.#silence.stop();
    this.#seeker.stop();
    await this.#epochs.stop();
  }

  /** A record from a worker, another member or the requester. */
  record(from: PeerId, bytes: Uint8Array): Checked<CheckedRecord> {
    const checked = checkSentRecord(this.plan, from, bytes, this.#epochs.cadre.seats);
    if (checked.ok && !this.#ended) this.#driver.submit(payloadOf(checked.value, bytes));
    return checked;
  }

  /** For payloads that the replica fetches itself. */
  async checkPayload(bytes: Uint8Array): Promise<Checked<Payload>> {
    const checked = checkRecord(this.plan, bytes, this.#epochs.cadre.seats);
    return checked.ok ? accept(payloadOf(checked.value, bytes)) : checked;
  }

  /** A consensus message of one who has, had or may have a seat. */
  consensus(from: PeerId, epoch: number, message: Uint8Array): void {
    this.#epochs.receive(from, epoch, message);
  }

  /** Another member sent something. */
  heard(seat: number): void {
    this.#silence.heard(seat);
  }

  /** True for those who may ever have a seat of this plan. */
  mayJudge(peer: PeerId): boolean {
    return this.#epochs.mayJudge(peer);
  }

  /** How the newest epoch began here; undefined in the plan's first. */
  get handover(): StoredHandover | undefined {
    return this.#epochs.handover;
  }

  suspect(node: NodeId): void {
    const worker = this.plan.rosterIndexOf(node);
    if (worker !== undefined) this.#watch.suspect(worker);
  }

  /** Where the ledger stands at this member, as an answer to `why`. */
  why(question: LedgerQuestion): Uint8Array {
    return whyAnswer(this.plan, this.#driver.finalState.ledger, question);
  }

  /** A worker or the requester lost notices: tells it again what is closed, and how it ended. */
  repeat(from: PeerId): void {
    this.#announcer.repeat(from);
  }

  /** How the job ended; only after its end. */
  get outcome(): Outcome {
    return outcomeOf(this.plan, this.#driver.finalState.ledger);
  }

  /** It ended with a certificate. */
  get isDone(): boolean {
    return this.#done !== undefined;
  }

  /** What this member knows of the job, for whoever asks. */
  describe(withPlan: boolean): JobAnswer {
    return {
      t: 'job',
      planId: this.plan.planId,
      state: this.#ended ? 'ended' : 'running',
      accepted: this.#driver.finalState.ledger.acceptedCount,
      ...(withPlan ? { package: this.plan.package } : {}),
      ...(this.#ended ? { outcome: this.outcome } : {}),
    };
  }

  /** A block is final, in order of height. */
  committed(commit: Commit<JobState>): void {
    const { ledger, events } = commit.state;
    if (commit.jumped !== undefined) this.#announcer.resume(ledger);
    else this.#announcer.announce(events);
    this.#epochs.committed(commit);
    if (!isFinal(ledger)) this.#watch.update(awaitedOf(this.plan, ledger));
    else if (!this.#ended) this.#end(commit, ledger);
  }

  /** Of a finished job, made when first asked for; undefined before, or when it failed. */
  certificate(): Uint8Array | undefined {
    if (this.#done !== undefined) this.#certificate ??= this.#certify(this.#done);
    return this.#certificate;
  }

  /** Whoever fetches it verifies it; our own check would only delay the requester. */
  #certify(commit: Commit<JobState>): Uint8Array {
    const headers = commit.links.length === 0 ? [] : [...commit.links.toReversed(), commit.block];
    const proof = { commit: commit.cert, headers, epochs: this.#epochs.links };
    return certifyLedger(this.plan, commit.state.ledger, proof);
  }

  #end(commit: Commit<JobState>, ledger: LedgerState): void {
    this.#ended = true;
    this.#watch.stop();
    this.#silence.stop();
    this.#seeker.stop();
    if (ledger.isDone) this.#done = commit;
    this.#announcer.end(ledger);
    this.#init.onEnd();
  }

  /** A later epoch than before: the others hear who judges, records that were held count anew. */
  #begun(held: readonly Payload[]): void {
    this.#silence.start();
    this.#announcer.tellCadre(this.#epochs.links);
    const { ledger } = this.#driver.finalState;
    const { seats } = this.#epochs.cadre;
    this.#announcer.resume(ledger);
    this.#watch.restart(awaitedOf(this.plan, ledger));
    for (const { bytes } of held) {
      const checked = checkRecord(this.plan, bytes, seats);
      if (checked.ok) this.#driver.submit(payloadOf(checked.value, bytes));
    }
  }

  #markOverdue({ phase, worker, wave, shards }: Awaited): void {
    const late = { worker: this.plan.nodes[worker]!, phase };
    for (const batch of recordBatches(shards)) {
      const scope = { planId: this.plan.planId, wave, shards: batch };
      this.#mark(buildOverdue(this.#marker, scope, late));
    }
  }

  /** Our own mark: held here, and sent to the other members. */
  #mark(record: Parameters<typeof encodeRecord>[0]): void {
    const { bytes } = encodeRecord(record);
    const { planId } = this.plan;
    const peers = this.#epochs.cadre.seats.map(({ node }) => peerIdOf(node));
    void sendRecord(this.#components, { planId, peers }, bytes, this.#stopping.signal);
  }
}
