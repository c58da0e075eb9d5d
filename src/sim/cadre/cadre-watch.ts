/**
 * What must hold of a cadre beside `ConsensusWatch`: certificates that are handed out (I8), what
 * signatures are bound to (I11), what the log says before a message leaves (I12), which roots
 * become final (I13), what is voted for (I14). Judged from bytes; only types are taken from
 * `src/consensus`.
 */
import { concatBytes, toHex, u64, utf8 } from '../../base/bytes.ts';
import { ZERO_DIGEST } from '../../base/ids.ts';
import type { Commit } from '../../consensus/effects.ts';
import type { CadreSeats } from '../../consensus/seats.ts';
import { sha256 } from '../../crypto/portable/hash.ts';
import { scanWal } from '../../store/wal-scan.ts';
import { encodeCanonical } from '../../wire/cbor.ts';
import type { Packet } from '../sim-hub.ts';
import { type Signing, textOf } from '../sim-keys.ts';
import {
  blockIdOf,
  bytesAt,
  type Fields,
  fieldsAt,
  hexAt,
  numberAt,
  readEnvelope,
  readFields,
  readSigned,
} from '../wire-reader.ts';
import type { CadreKeys } from './cadre-keys.ts';
import { LOG, type SeatMachine } from './seat-machine.ts';
import type { Tally } from './tally.ts';
import { isJustified } from './vote-duty.ts';

export interface CadreWatchInit {
  readonly seats: Omit<CadreSeats, 'self'>;
  readonly keys: CadreKeys;
  /** Where broken invariants are written. */
  readonly faults: string[];
}

/** What the body under a signature must say, by its tag. */
const BOUND: Readonly<Record<string, readonly string[]>> = {
  VOTE: ['round', 'blockId', 'parentRound'],
  TIMEOUT: ['round', 'highQcRound'],
  COMMIT: ['round', 'height', 'blockId', 'stateRoot', 'resultsRoot'],
};

export class CadreWatch {
  readonly #init: CadreWatchInit;
  readonly #logs = new Map<number, { bytes: number; signed: Map<string, Fields> }>();
  readonly #sent = new Set<string>();
  /** Root of the tally after each height, as this object computes it. */
  readonly #roots: Uint8Array[] = [ZERO_DIGEST];
  /** Ids of blocks that some proposal gave a reason for. */
  readonly #justified = new Set<string>();

  constructor(init: CadreWatchInit) {
    this.#init = init;
  }

  /** I11: what is signed names its plan, its epoch, its cadre, and all that the message says. */
  signed(machine: SeatMachine, { message }: Signing): void {
    const { planId, epoch, cadreRoot } = this.#init.seats;
    const read = readSigned(message);
    const isBound =
      read !== undefined &&
      read.planId === toHex(planId) &&
      read.epoch === epoch &&
      textOf(read.cadreRoot) === textOf(cadreRoot);
    if (!isBound) {
      this.#fault(`I11: machine ${machine.index} signs what is bound to no plan, epoch and cadre`);
      return;
    }
    const wanted = BOUND[read.tag];
    if (wanted === undefined) return;
    const body = readFields(read.body) ?? {};
    if (wanted.some((name) => body[name] === undefined)) {
      this.#fault(`I11: a signed ${read.tag} leaves something unsaid`);
    }
  }

  /** A machine, honest or not, made a proposal; whether it gets anywhere does not matter here. */
  proposed(message: Fields): void {
    const block = fieldsAt(message, 'block');
    if (block !== undefined && isJustified(block, message)) this.#justified.add(blockIdOf(block));
  }

  /** I12: the record of a signed message holds every round that must never be forgotten. */
  sent(machine: SeatMachine, { kind, bytes }: Packet): void {
    if (kind !== 'message') return;
    const body = readEnvelope(bytes).message;
    const name = `${machine.index} ${textOf(body)}`;
    if (this.#sent.has(name)) return;
    this.#sent.add(name);
    const message = readFields(body);
    if (message === undefined || message.sig === undefined) return;
    // I14: no vote for a block on a certificate below what its timeout certificate reports.
    if (message.kind === 'vote' && !this.#justified.has(hexAt(message, 'blockId'))) {
      this.#fault(`I14: machine ${machine.index} votes for what nothing justifies`);
    }
    const record = this.#signedOnDisk(machine).get(textOf(body));
    if (record === undefined) return;
    const wrong = forgotten(message, record);
    if (wrong !== undefined) {
      this.#fault(`I12: machine ${machine.index} logs a ${message.kind} with a false ${wrong}`);
    }
  }

  committed(machine: SeatMachine, commit: Commit<Tally>): void {
    this.#checkRoots(machine, commit);
    this.#checkCertificate(machine, commit);
  }

  /** I13: a final block claims the root that its payloads give, executed a second time here. */
  #checkRoots(machine: SeatMachine, commit: Commit<Tally>): void {
    const { block, blockId, height, payloads } = commit;
    if (commit.jumped !== undefined) {
      this.#checkJump(machine, commit);
      return;
    }
    const before = this.#roots[height - 1];
    if (before === undefined) return;
    const root = payloads.reduce((root, { id }) => sha256(concatBytes([root, id])), before);
    this.#roots[height] = root;
    const isNamed = blockIdOf(block as unknown as Fields) === toHex(blockId);
    if (textOf(root) === textOf(block.stateRoot) && isNamed) return;
    this.#fault(`I13: machine ${machine.index} finalises false roots at height ${height}`);
  }

  /** I13, where a snapshot led: to the state that executing everything gave somebody else. */
  #checkJump({ index }: SeatMachine, { block, height, state }: Commit<Tally>): void {
    const executed = this.#roots[height];
    const roots = [block.stateRoot, state.root, ...(executed === undefined ? [] : [executed])];
    if (new Set(roots.map(textOf)).size === 1) return;
    this.#fault(`I13: machine ${index} jumps to false roots at height ${height}`);
  }

  /** I8: q distinct seats signed exactly what was handed over. */
  #checkCertificate(machine: SeatMachine, commit: Commit<Tally>): void {
    const { cert, links, block, height } = commit;
    const { seats, planId, epoch, cadreRoot } = this.#init.seats;
    const { round, blockId, stateRoot, resultsRoot } = cert;
    const body = encodeCanonical({ round, height: cert.height, blockId, stateRoot, resultsRoot });
    const tag = utf8('kadre/consensus/1/COMMIT\0');
    const message = concatBytes([tag, planId, u64(epoch), cadreRoot, body]);
    const signers = seats.filter((_, seat) => ((cert.signers[seat >> 3] ?? 0) >> (seat & 7)) & 1);
    const areGood = signers.every(({ key }, i) =>
      this.#init.keys.isValid(key, message, cert.sigs.subarray(64 * i, 64 * i + 64)),
    );
    const tip = links.at(-1) ?? block;
    const isOfTip =
      textOf(tip.stateRoot) === textOf(stateRoot) &&
      tip.height === cert.height &&
      tip.round === round;
    const isEnough = signers.length >= Math.floor((2 * seats.length) / 3) + 1;
    if (isEnough && areGood && isOfTip && cert.sigs.length === 64 * signers.length) return;
    this.#fault(`I8: machine ${machine.index} hands out a bad certificate of height ${height}`);
  }

  /** Every signed message in a machine's log with the record that holds it. */
  #signedOnDisk(machine: SeatMachine): Map<string, Fields> {
    const content = machine.disk.synced(LOG);
    let log = this.#logs.get(machine.index);
    if (log === undefined || log.bytes !== content.length) {
      const signed = new Map<string, Fields>();
      const scan = scanWal(content);
      for (const bytes of scan.kind === 'usable' ? scan.records : []) {
        const record = readFields(bytes);
        if (record?.kind === 'signed') signed.set(textOf(bytesAt(record, 'message')), record);
      }
      log = { bytes: content.length, signed };
      this.#logs.set(machine.index, log);
    }
    return log.signed;
  }

  #fault(what: string): void {
    this.#init.faults.push(what);
  }
}

/** The field of the record that says less than the message does (consensus.md, table of 1.9). */
function forgotten(message: Fields, record: Fields): string | undefined {
  const atLeast = (name: string, round: number) =>
    numberAt(record, name) < round ? name : undefined;
  const round = numberAt(message, 'round');
  switch (message.kind) {
    case 'proposal':
      return atLeast('lastProposedRound', numberAt(fieldsAt(message, 'block') ?? {}, 'round'));
    case 'vote':
      return (
        atLeast('lastVotedRound', round) ?? atLeast('lockRound', numberAt(message, 'parentRound'))
      );
    case 'timeout':
      return atLeast('lastVotedRound', round) ?? atLeast('highestTimeoutRound', round);
    case 'commit':
      return atLeast('lockRound', round) ?? atLeast('lastCommitRound', round);
    default:
      return undefined;
  }
}
