/**
 * A world that holds one cadre and nothing else: the real driver, replica, safety rules, recovery
 * and sync on virtual machines. Small, so that thousands of seeds a minute are possible where whole
 * nodes allow hundreds. Everything follows from the seed.
 */
import { toHex, utf8 } from '../../base/bytes.ts';
import type { Commit } from '../../consensus/effects.ts';
import { type CadreSeats, genesisId } from '../../consensus/seats.ts';
import { sha256 } from '../../crypto/portable/hash.ts';
import { ConsensusWatch } from '../consensus-watch.ts';
import { SeededRandom } from '../seeded-random.ts';
import { type Packet, SimHub } from '../sim-hub.ts';
import type { Signing } from '../sim-keys.ts';
import type { LogLine } from '../sim-world.ts';
import { Trace } from '../trace.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { readFields } from '../wire-reader.ts';
import { BoundsWatch } from './bounds-watch.ts';
import { CadreKeys } from './cadre-keys.ts';
import { CadreWatch } from './cadre-watch.ts';
import type { Liar, Lie } from './liar.ts';
import { LIES, type LieName } from './lies.ts';
import type { RoundNet } from './round-net.ts';
import { SeatMachine } from './seat-machine.ts';
import type { Tally } from './tally.ts';

/** What a faulty seat does; undefined for an honest one. */
export type Fault = LieName | 'twins' | 'amnesiac' | 'bad-disk' | undefined;

/** After this somebody starts a process again whose disk failed. */
const SUPERVISOR_MS = 200;

export interface CadreWorldInit {
  readonly seed: number;
  /** One per seat. */
  readonly faults: readonly Fault[];
  readonly rounds: RoundNet;
  /** Of a packet, ms. */
  readonly delayMsMax: number;
  /** Wall clocks and rates of machines differ. */
  readonly drift: number;
}

export class CadreWorld {
  readonly clock = new VirtualClock();
  readonly trace = new Trace();
  readonly keys = new CadreKeys();
  readonly random: SeededRandom;
  readonly hub: SimHub;
  readonly rounds: RoundNet;
  readonly machines: SeatMachine[] = [];
  readonly watch: ConsensusWatch<SeatMachine>;
  readonly further: CadreWatch;
  readonly bounds: BoundsWatch;
  /** Hears of every message of an honest member, and of every block that one finalised. */
  onSent: (machine: SeatMachine, bytes: Uint8Array) => void = () => {};
  onArrived: (machine: SeatMachine, bytes: Uint8Array) => void = () => {};
  onSigned: (machine: SeatMachine, signing: Signing) => void = () => {};
  onProgress: () => void = () => {};
  readonly #genesisId: string;
  readonly #byPeer = new Map<string, SeatMachine>();
  readonly #faulty: readonly Fault[];

  constructor(init: CadreWorldInit) {
    this.random = new SeededRandom(init.seed);
    this.rounds = init.rounds;
    this.#faulty = init.faults;
    const observer = {
      sent: (packet: Packet) => this.#sent(packet),
      arrived: (packet: Packet) => this.#arrived(packet),
    };
    const links = { delayMsMin: 0.2, delayMsMax: init.delayMsMax, loss: 0, duplication: 0.02 };
    const components = { clock: this.clock, random: this.random.fork(), observer };
    this.hub = new SimHub(components, { ...links, reorder: 0.5 });
    this.watch = new ConsensusWatch((machine) => this.isHonest(machine));
    const seats = this.#seats(init);
    this.#genesisId = toHex(genesisId(seats));
    this.further = new CadreWatch({ seats, keys: this.keys, faults: this.watch.faults });
    this.bounds = new BoundsWatch({ faults: this.watch.faults, seats: init.faults.length });
    for (const self of init.faults.keys()) this.#addSeat({ ...seats, self }, init);
  }

  get faults(): string[] {
    return this.watch.faults;
  }

  get genesisId(): string {
    return this.#genesisId;
  }

  get honest(): SeatMachine[] {
    return this.machines.filter((machine) => this.isHonest(machine));
  }

  isHonest({ seat }: Pick<SeatMachine, 'seat'>): boolean {
    return this.#faulty[seat] === undefined;
  }

  faultOf({ seat }: SeatMachine): Fault {
    return this.#faulty[seat];
  }

  machinesOf(seat: number): SeatMachine[] {
    return this.machines.filter((machine) => machine.seat === seat);
  }

  seatOf(peer: string): number {
    return this.#byPeer.get(peer)!.seat;
  }

  /** Writes an event of the world itself into the trace. */
  note(what: string): void {
    this.trace.add(this.clock.monotonicMs(), what);
  }

  logged(machine: SeatMachine, line: LogLine): void {
    // A disk that fails a sync ends the process, which is what it should do.
    if (line.event === 'consensus.fatal' && machine.syncWasFailed) {
      machine.syncWasFailed = false;
      machine.crash();
      this.clock.setTimer(SUPERVISOR_MS, () => machine.start());
      return;
    }
    if (line.event === 'consensus.block-refused') this.#refused(machine);
    this.watch.logged(machine, line);
  }

  /** I16: where nobody proposes what is false, what is refused came in unchecked through sync. */
  #refused(machine: SeatMachine): void {
    const isTrue = this.#faulty.every((fault) => fault === undefined || fault === 'lying-server');
    if (isTrue) this.faults.push(`I16: machine ${machine.index} took in what nobody proposed`);
  }

  /** An honest member is never held to be anything else. */
  blamed(by: SeatMachine, seat: number, reason: string): void {
    if (!this.isHonest(by) || !this.isHonest({ seat })) return;
    this.faults.push(`machine ${by.index} blames honest seat ${seat}: ${reason}`);
  }

  /** A proposal was made, as these bytes; by anybody. */
  proposed(body: Uint8Array): void {
    const message = readFields(body);
    if (message !== undefined) this.further.proposed(message);
  }

  committed(machine: SeatMachine, commit: Commit<Tally>): void {
    if (!this.isHonest(machine)) return;
    this.further.committed(machine, commit);
    this.onProgress();
  }

  #seats({ seed, faults }: CadreWorldInit): Omit<CadreSeats, 'self'> {
    const planId = sha256(utf8(`cadre plan ${seed}`));
    const seats = faults.map((_, seat) => {
      const key = this.keys.signer(seed, seat).publicKey;
      return { nodeId: key, peerId: `seat-${seat}`, key };
    });
    return { planId, epoch: 0, cadreRoot: sha256(utf8(`cadre root ${seed}`)), seats };
  }

  #addSeat(seats: CadreSeats, init: CadreWorldInit): void {
    const fault = this.#faulty[seats.self];
    const copies = fault === 'twins' ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const index = this.machines.length;
      const signer = this.keys.signer(init.seed, seats.self, (signing) => {
        const machine = this.machines[index]!;
        this.watch.signed(machine, signing);
        if (!this.isHonest(machine)) return;
        this.further.signed(machine, signing);
        this.onSigned(machine, signing);
      });
      const skew = {
        wallMs: this.random.integer(2_000) - 1_000,
        rate: 1 + (this.random.next() * 2 - 1) * init.drift,
      };
      const liar: Liar = { seats, random: this.random.fork(), sign: signer.sign };
      const isAmnesiac = fault === 'amnesiac';
      const machine = new SeatMachine(this, {
        ...{ index, seats, signer, skew, isAmnesiac },
        lie: lieOf(fault, liar),
      });
      this.machines.push(machine);
      this.#byPeer.set(machine.peerId, machine);
    }
  }

  #sent(packet: Packet): void {
    const from = this.#byPeer.get(packet.from)!;
    this.watch.sent(from, packet);
    if (!this.isHonest(from)) return;
    this.further.sent(from, packet);
    this.onSent(from, packet.bytes);
  }

  #arrived({ from, to, bytes }: Packet): void {
    const machine = this.#byPeer.get(to)!;
    if (this.isHonest(machine)) this.bounds.look(machine);
    this.onArrived(machine, bytes);
    this.trace.add(this.clock.monotonicMs(), `${from}>${to}`, bytes);
  }
}

function lieOf(fault: Fault, liar: Liar): Lie | undefined {
  if (fault === undefined || fault === 'twins' || fault === 'amnesiac' || fault === 'bad-disk') {
    return undefined;
  }
  return LIES[fault](liar);
}
