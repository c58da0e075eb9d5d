/**
 * One machine with one seat: the real driver over a simulated disk, clock and network end. It can
 * lose power, stand still, and be given a lie to tell. Two machines of one seat are twins.
 */
import { concatBytes, toHex } from '../../base/bytes.ts';
import type { Clock, Logger } from '../../base/ports.ts';
import { type ConsensusDriver, createDriver } from '../../consensus/driver.ts';
import type { Commit } from '../../consensus/effects.ts';
import { decodeMessage, encodeMessage, type Message } from '../../consensus/messages.ts';
import type { CadreSeats } from '../../consensus/seats.ts';
import type { OpenedWal } from '../../store/wal.ts';
import type { SeededRandom } from '../seeded-random.ts';
import { type DiskModel, SimDisk } from '../sim-disk.ts';
import type { SimNetwork } from '../sim-network.ts';
import type { ClockSkew } from '../virtual-clock.ts';
import { readEnvelope } from '../wire-reader.ts';
import type { FastSigner } from './cadre-keys.ts';
import type { CadreWorld } from './cadre-world.ts';
import type { Lie } from './liar.ts';
import { checkTallyPayload, TALLY, type Tally, tallyPayload } from './tally.ts';

export const LOG = 'log';
/** A cadre member's log holds its key: losing it whole is losing the seat, not its memory. */
const DISK: DiskModel = { syncMsMin: 0.1, syncMsMax: 3, nameLoss: 0 };

export interface SeatMachineInit {
  readonly index: number;
  readonly seats: CadreSeats;
  readonly signer: FastSigner;
  readonly skew: ClockSkew;
  readonly lie: Lie | undefined;
  /** Forgets its log whenever it starts, and takes its key for new. */
  readonly isAmnesiac: boolean;
}

/** A cadre alone stays in its first epoch. */
const NO_EPOCH = Uint8Array.of(0);

export class SeatMachine {
  readonly index: number;
  readonly seat: number;
  readonly disk: SimDisk;
  readonly random: SeededRandom;
  driver: ConsensusDriver<Tally> | undefined;
  /** Its disk was told to fail a sync, and the process has not ended of it yet. */
  syncWasFailed = false;
  /** Payloads that its user gave it, as hex ids. */
  readonly given = new Set<string>();
  wasPaused = false;
  #starts = 0;
  #network: SimNetwork | undefined;
  /** What happened while the machine stood still; undefined while it does not. */
  #held: (() => void)[] | undefined;
  readonly #init: SeatMachineInit;
  readonly #world: CadreWorld;
  readonly #clock: Clock;

  constructor(world: CadreWorld, init: SeatMachineInit) {
    this.#world = world;
    this.#init = init;
    this.index = init.index;
    this.seat = init.seats.self;
    this.random = world.random.fork();
    const skewed = world.clock.skewed(init.skew, () => true);
    this.#clock = {
      wallMs: () => skewed.wallMs(),
      monotonicMs: () => skewed.monotonicMs(),
      setTimer: (delayMs, run) => skewed.setTimer(delayMs, () => this.#whenAwake(run)),
    };
    this.disk = new SimDisk({ clock: this.#clock, random: this.random.fork() }, DISK);
  }

  get peerId(): string {
    return `machine-${this.index}`;
  }

  get isUp(): boolean {
    return this.#network !== undefined;
  }

  /** Which start of the machine this is, from 1. */
  get starts(): number {
    return this.#starts;
  }

  start(): void {
    if (this.isUp) return;
    this.#starts += 1;
    if (this.#init.isAmnesiac) this.disk.restore(LOG, new Uint8Array(0));
    this.#network = this.#world.hub.join(this.peerId);
    const life = this.#starts;
    const isRunning = () => this.isUp && this.#starts === life;
    this.#open(isRunning).catch((cause: { code?: string; message: string }) => {
      this.#log('consensus.fatal', { message: cause.message, code: cause.code });
    });
  }

  /** As a power cut. */
  crash(): void {
    if (!this.isUp) return;
    this.#network?.stop();
    this.#network = undefined;
    this.#held = undefined;
    void this.driver?.stop();
    this.driver = undefined;
    this.disk.crash();
  }

  /** The next sync fails: the process must end, and never say what it could not write. */
  failNextSync(): void {
    if (!this.isUp) return;
    this.syncWasFailed = true;
    this.disk.failNextSync();
  }

  /** Stands still: no timer fires, no message is read, nothing that was synced is noticed. */
  pause(): void {
    if (!this.isUp) return;
    this.wasPaused = true;
    this.#held ??= [];
  }

  resume(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const run of held) run();
  }

  submit(text: string): void {
    if (!this.isUp) return;
    this.given.add(toHex(tallyPayload(text).id));
    this.#whenAwake(() => this.driver?.submit(tallyPayload(text)));
  }

  #whenAwake(run: () => void): void {
    if (this.#held === undefined) run();
    else this.#held.push(run);
  }

  async #open(isRunning: () => boolean): Promise<void> {
    const log = await this.disk.folder(isRunning).open(LOG, { entry: 'lazy' });
    if (!isRunning()) return;
    const driver = this.#compose(log, isRunning);
    this.driver = driver;
    driver.onCommit((commit) => this.#committed(commit));
    this.#network!.handle('consensus', {
      message: (peer, bytes) =>
        this.#whenAwake(() => {
          if (isRunning()) this.#receive(driver, peer, bytes);
        }),
    });
    await driver.start();
  }

  #compose(log: OpenedWal, isRunning: () => boolean): ConsensusDriver<Tally> {
    const { seats, signer, isAmnesiac } = this.#init;
    const logger: Logger = { log: (_, event, fields = {}) => this.#log(event, fields) };
    return createDriver<Tally>(
      {
        application: TALLY,
        clock: this.#clock,
        random: this.random,
        verifier: this.#world.keys.verifier,
        signer,
        wal: log.wal,
        log: logger,
        send: (seat, bytes) => {
          if (isRunning()) this.#send(seat, bytes);
        },
        checkPayload: checkTallyPayload,
      },
      {
        seats,
        records: log.records,
        keyIsNew: isAmnesiac || this.#starts === 1,
        keyIsInLog: true,
        onMisbehaviour: (seat, refusal) => this.#world.blamed(this, seat, refusal.reason),
        onEvidence: (evidence) => this.#world.blamed(this, evidence.seat, evidence.fault),
      },
    );
  }

  #log(event: string, fields: Readonly<Record<string, unknown>>): void {
    this.#world.logged(this, { level: 'info', event, fields });
  }

  #committed(commit: Commit<Tally>): void {
    const planId = toHex(this.#init.seats.planId);
    const { height } = commit;
    this.#log('block-final', { planId, height, blockId: toHex(commit.blockId) });
    this.#world.committed(this, commit);
  }

  #receive(driver: ConsensusDriver<Tally>, peer: string, bytes: Uint8Array): void {
    const body = readEnvelope(bytes).message;
    const { lie } = this.#init;
    if (lie?.hear !== undefined) {
      const message = decodeMessage(body);
      if (message.ok) lie.hear(message.value);
    }
    driver.receive(this.#world.seatOf(peer), body);
  }

  #send(seat: number, bytes: Uint8Array): void {
    const message = decodeMessage(bytes);
    if (!message.ok) {
      this.#world.faults.push(`machine ${this.index} sends what does not decode`);
      return;
    }
    const { lie } = this.#init;
    const said = lie === undefined ? [bytes] : lie.say(seat, message.value);
    for (const one of said) {
      const body = one instanceof Uint8Array ? one : encodeMessage(one);
      if (message.value.kind === 'proposal') this.#world.proposed(body);
      const round = roundOf(message.value) ?? this.driver?.round ?? 0;
      this.#carry(seat, body, { kind: message.value.kind, round });
    }
  }

  /** To every machine that has this seat, as far as the round lets it pass. */
  #carry(seat: number, body: Uint8Array, about: { kind: Message['kind']; round: number }): void {
    const bytes = concatBytes([this.#init.seats.planId, NO_EPOCH, body]);
    for (const target of this.#world.machinesOf(seat)) {
      if (!this.#world.rounds.lets(about.round, this.index, target.index, about.kind)) continue;
      this.#network!.send(target.peerId, 'consensus', bytes);
    }
  }
}

/** The round that a message is about; undefined where it is about none. */
function roundOf(message: Message): number | undefined {
  switch (message.kind) {
    case 'proposal':
      return message.block.round;
    case 'vote':
    case 'timeout':
    case 'commit':
      return message.round;
    default:
      return undefined;
  }
}
