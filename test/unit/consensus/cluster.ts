/**
 * A whole cadre in one seeded world, and the invariants that must hold after every event. The
 * invariants look only at messages and deliveries, not into replicas.
 */
import assert from 'node:assert/strict';
import { equalBytes, toHex } from '../../../src/base/bytes.ts';
import type { Wal } from '../../../src/base/ports.ts';
import { type ConsensusDriver, createDriver } from '../../../src/consensus/driver.ts';
import type { Commit } from '../../../src/consensus/effects.ts';
import { decodeRecord } from '../../../src/consensus/log-records.ts';
import {
  blockId,
  commitSigningBytes,
  decodeMessage,
  type Message,
  type SignedMessage,
} from '../../../src/consensus/messages.ts';
import { quorumOf, seatsOf } from '../../../src/consensus/seats.ts';
import { signedPart } from '../../../src/consensus/signature-checks.ts';
import type { Qc } from '../../../src/consensus/types.ts';
import { SeededRandom } from '../../../src/sim/seeded-random.ts';
import { SimDisk } from '../../../src/sim/sim-disk.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';
import { scanWal } from '../../../src/store/wal-scan.ts';
import {
  checkTextPayload,
  fakeSign,
  fakeVerifier,
  silentLog,
  type Tally,
  tallyApplication,
  testSeats,
  textPayload,
} from './world.ts';

export interface ClusterOptions {
  readonly seed: number;
  readonly seatCount: number;
  /** Payloads until the application is final. */
  readonly target: number;
  /** Seats that run twice with one key: they equivocate in every way a replica can. */
  readonly twins?: readonly number[];
  readonly loss?: number;
  readonly delayMaxMs?: number;
}

const LOG = 'log';
/** The key of a seat is no part of its log here: losing the log whole would be amnesia. */
const DISK = { syncMsMin: 0.1, syncMsMax: 4, nameLoss: 0 };

/** One running replica; twins of a seat are two of these. */
export class Instance {
  readonly seat: number;
  readonly disk: SimDisk;
  driver: ConsensusDriver<Tally> | undefined;
  isUp = false;
  heights: Commit<Tally>[] = [];
  /** Height that was delivered before the last crash. */
  promised = 0;
  partition = 0;
  /** Counted up by each crash. */
  life = 0;
  #durable = { bytes: 0, held: new Set<string>() };

  constructor(seat: number, disk: SimDisk) {
    this.seat = seat;
    this.disk = disk;
  }

  /** Signed messages and ids of blocks, as hex, that a power cut would leave for certain. */
  isDurable(hex: string): boolean {
    const synced = this.disk.synced(LOG);
    if (synced.length !== this.#durable.bytes) {
      this.#durable = { bytes: synced.length, held: this.#read() };
    }
    return this.#durable.held.has(hex);
  }

  /** The records of its log, as far as a power cut would leave them for certain. */
  logged(): readonly Uint8Array[] {
    const scan = scanWal(this.disk.synced(LOG));
    assert.equal(scan.kind, 'usable');
    return scan.kind === 'usable' ? scan.records : [];
  }

  #read(): Set<string> {
    const held = new Set<string>();
    for (const bytes of this.logged()) {
      const record = decodeRecord(bytes);
      assert.ok(record.ok);
      if (record.value.kind === 'block') held.add(toHex(blockId(record.value.block)));
      if (record.value.kind !== 'signed') continue;
      held.add(toHex(record.value.message));
      const message = decodeMessage(record.value.message);
      assert.ok(message.ok);
      if (message.value.kind === 'proposal') held.add(toHex(blockId(message.value.block)));
    }
    return held;
  }
}

interface OpenedSeat {
  readonly wal: Wal;
  readonly records: readonly Uint8Array[];
  readonly isRunning: () => boolean;
}

export class Cluster {
  readonly time = new VirtualClock();
  readonly random: SeededRandom;
  readonly options: ClusterOptions;
  readonly instances: Instance[] = [];
  readonly faults: string[] = [];
  loss: number;
  delayMaxMs: number;
  /** I1: the one block of every height. */
  readonly #finals = new Map<number, string>();
  /** I3: what every honest key signed, by seat, kind and round. */
  readonly #signed = new Map<string, string>();
  readonly #sent = new Map<Message['kind'], number>();
  /** I4: the one certified block of every round. */
  readonly #certified = new Map<number, string>();

  constructor(options: ClusterOptions) {
    this.options = options;
    this.random = new SeededRandom(options.seed);
    this.loss = options.loss ?? 0;
    this.delayMaxMs = options.delayMaxMs ?? 10;
    for (let seat = 0; seat < options.seatCount; seat++) {
      const copies = this.#isTwin(seat) ? 2 : 1;
      for (let copy = 0; copy < copies; copy++) {
        this.instances.push(
          new Instance(seat, new SimDisk({ clock: this.time, random: this.random }, DISK)),
        );
      }
    }
  }

  /** Messages of a kind that anybody sent, once per receiver. */
  sentOf(kind: Message['kind']): number {
    return this.#sent.get(kind) ?? 0;
  }

  get honest(): Instance[] {
    return this.instances.filter((instance) => !this.#isTwin(instance.seat));
  }

  #isTwin(seat: number): boolean {
    return this.options.twins?.includes(seat) ?? false;
  }

  start(instance: Instance): void {
    instance.isUp = true;
    instance.heights = [];
    this.#open(instance).catch((cause) => {
      this.faults.push(`seat ${instance.seat} does not start: ${cause}`);
    });
  }

  /** As a node does: the log first, then the replica over what it holds. */
  async #open(instance: Instance): Promise<void> {
    const { life } = instance;
    const isRunning = () => instance.isUp && instance.life === life;
    const { wal, records } = await instance.disk.folder(isRunning).open(LOG, { entry: 'lazy' });
    if (!isRunning()) return;
    const driver = this.#makeDriver(instance, { wal, records, isRunning });
    instance.driver = driver;
    driver.onCommit((commit) => this.#onCommit(instance, commit));
    await driver.start();
    if (isRunning() && instance.heights.length < instance.promised) {
      this.faults.push(`I2: seat ${instance.seat} forgot height ${instance.promised}`);
    }
  }

  #makeDriver(instance: Instance, { wal, records, isRunning }: OpenedSeat) {
    const seats = testSeats(this.options.seatCount, instance.seat);
    return createDriver<Tally>(
      {
        application: tallyApplication(this.options.target),
        // Twins see other wall clocks, so their blocks differ.
        clock: this.time.skewed({ wallMs: this.instances.indexOf(instance), rate: 1 }, () => true),
        random: this.random,
        verifier: fakeVerifier,
        signer: { sign: (message) => fakeSign(seats.seats[instance.seat]!.key, message) },
        wal,
        log: silentLog,
        send: (to, message) => {
          if (isRunning()) this.#send(instance, to, message);
        },
        checkPayload: checkTextPayload,
      },
      {
        seats,
        records,
        // This disk never loses what it acknowledged: empty means that nothing was signed.
        keyIsNew: records.length === 0,
        onFatal: (error) => this.faults.push(`seat ${instance.seat}: ${error.message}`),
        onMisbehaviour: (seat, refusal) => {
          if (!this.#isTwin(seat)) this.faults.push(`seat ${seat} refused: ${refusal.reason}`);
        },
      },
    );
  }

  crash(instance: Instance): void {
    if (!instance.isUp) return;
    instance.isUp = false;
    instance.life += 1;
    instance.promised = Math.max(instance.promised, instance.heights.length);
    void instance.driver?.stop();
    instance.disk.crash();
  }

  submit(instance: Instance, text: string): void {
    if (instance.isUp) instance.driver?.submit(textPayload(text));
  }

  /** Submits to everyone, each after its own delay; a lossy requester misses some. */
  submitAll(text: string, reach = 1): void {
    for (const instance of this.instances) {
      if (this.random.next() > reach) continue;
      this.time.setTimer(this.random.between(0, 5), () => this.submit(instance, text));
    }
  }

  async run(durationMs: number, done: () => boolean = () => false): Promise<boolean> {
    const untilMs = this.time.monotonicMs() + durationMs;
    const reached = await this.time.runUntil(untilMs, () => this.faults.length > 0 || done());
    assert.deepEqual(this.faults, [], `seed ${JSON.stringify(this.options)}`);
    return reached;
  }

  /** True when every honest instance that is up delivered `count` payloads. */
  isDelivered(count: number): boolean {
    return this.honest.every(
      (instance) => !instance.isUp || (instance.driver?.finalState.texts.length ?? 0) >= count,
    );
  }

  #send(from: Instance, to: number, bytes: Uint8Array): void {
    const decoded = decodeMessage(bytes);
    if (!decoded.ok) {
      this.faults.push(`seat ${from.seat} sends what does not decode: ${decoded.reason}`);
      return;
    }
    this.#inspect(from, decoded.value, bytes);
    for (const target of this.instances) {
      if (target.seat !== to || target.partition !== from.partition) continue;
      if (this.random.next() < this.loss) continue;
      const copies = this.random.next() < this.loss / 4 ? 2 : 1;
      for (let i = 0; i < copies; i++) {
        this.time.setTimer(this.random.between(0.2, this.delayMaxMs), () => {
          if (target.isUp) target.driver?.receive(from.seat, bytes);
        });
      }
    }
  }

  #inspect(from: Instance, message: Message, bytes: Uint8Array): void {
    const { kind } = message;
    this.#sent.set(kind, this.sentOf(kind) + 1);
    if (kind === 'proposal') this.#noteQc(message.block.qc);
    if (kind === 'timeout' || kind === 'sync') this.#noteQc(message.highQc);
    if (kind === 'commit') this.#noteQc(message.qc);
    const isSigned =
      kind === 'proposal' || kind === 'vote' || kind === 'timeout' || kind === 'commit';
    if (!isSigned) return;
    // Persist, then speak; and a vote's block must survive a power cut of the whole cadre.
    const needs = [toHex(bytes)];
    if (kind === 'vote' || kind === 'commit') needs.push(toHex(message.blockId));
    if (needs.some((hex) => !from.isDurable(hex))) {
      this.faults.push(`I9: seat ${from.seat} sent a ${kind} that is not durable`);
    }
    if (!this.#isTwin(from.seat)) this.#noteSigned(message);
  }

  #noteSigned(message: SignedMessage): void {
    const part = signedPart(testSeats(this.options.seatCount, 0), message);
    const name = `${part.seat} ${message.kind} ${part.round}`;
    const bytes = toHex(part.message);
    const before = this.#signed.get(name);
    if (before !== undefined && before !== bytes) this.faults.push(`I3: ${name} signed twice`);
    this.#signed.set(name, bytes);
  }

  #noteQc(qc: Qc): void {
    const key = toHex(qc.blockId);
    const before = this.#certified.get(qc.round);
    if (before !== undefined && before !== key) {
      this.faults.push(`I4: two certified blocks in round ${qc.round}`);
    }
    this.#certified.set(qc.round, key);
  }

  #onCommit(instance: Instance, commit: Commit<Tally>): void {
    if (this.#isTwin(instance.seat)) return;
    const key = toHex(commit.blockId);
    const other = this.#finals.get(commit.height);
    if (other !== undefined && other !== key) this.faults.push(`I1: fork at ${commit.height}`);
    this.#finals.set(commit.height, key);
    instance.heights.push(commit);
    if (commit.height !== instance.heights.length) {
      this.faults.push(`I6: seat ${instance.seat} delivered ${commit.height} out of order`);
    }
    if (new Set(commit.state.texts).size !== commit.state.texts.length) {
      this.faults.push('I6: a payload was executed twice');
    }
    if (!this.#isCertificateValid(commit)) this.faults.push(`I8: bad certificate`);
  }

  /** I8, written apart from the code under test: q distinct signatures over the commit body. */
  #isCertificateValid(commit: Commit<Tally>): boolean {
    const { cert, links } = commit;
    const seats = testSeats(this.options.seatCount, 0);
    const signers = seatsOf(cert.signers, seats.seats.length) ?? [];
    if (signers.length < quorumOf(seats.seats.length)) return false;
    const message = commitSigningBytes(seats, cert);
    const isSigned = signers.every((seat, i) =>
      equalBytes(
        fakeSign(seats.seats[seat]!.key, message),
        cert.sigs.subarray(i * 64, i * 64 + 64),
      ),
    );
    const tip = links.at(-1) ?? commit.block;
    return isSigned && tip.height === cert.height && equalBytes(tip.stateRoot, cert.stateRoot);
  }
}
