/** A member that missed more blocks than lead back to it: it starts from a snapshot. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ConsensusDriver, createDriver } from '../../../src/consensus/driver.ts';
import type { Commit } from '../../../src/consensus/effects.ts';
import { ERA_BLOCKS } from '../../../src/consensus/eras.ts';
import {
  decodeMessage,
  encodeMessage,
  type Message,
  type MessageOf,
} from '../../../src/consensus/messages.ts';
import {
  checkTallyPayload,
  TALLY,
  type Tally,
  tallyPayload,
} from '../../../src/sim/cadre/tally.ts';
import { SeededRandom } from '../../../src/sim/seeded-random.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';
import { fakeSign, fakeVerifier, testSeats } from './world.ts';

const SEATS = 4;
const LATE = 3;
/** In the third era: blocks alone lead back to the beginning of the second. */
const HEIGHT = 2 * ERA_BLOCKS + 20;
const CHECKPOINT = 2 * ERA_BLOCKS - 1;

/** Four drivers on one clock, with logs in memory and a network that delays by a millisecond. */
class Cadre {
  readonly clock = new VirtualClock();
  readonly drivers: (ConsensusDriver<Tally> | undefined)[] = [];
  readonly logs: Uint8Array[][] = Array.from({ length: SEATS }, () => []);
  readonly commits: Commit<Tally>[][] = [[], [], [], []];
  /** `seat reason`, as the late member gave it. */
  readonly refused: string[] = [];
  readonly events: string[] = [];
  /** What a seat says instead. */
  bend: (from: number, message: Message) => readonly Message[] = (_, message) => [message];

  async start(self: number): Promise<void> {
    const seats = testSeats(SEATS, self);
    const log = this.logs[self]!;
    this.commits[self] = [];
    const driver = createDriver<Tally>(
      {
        application: TALLY,
        clock: this.clock,
        random: new SeededRandom(self),
        verifier: fakeVerifier,
        signer: { sign: (message) => fakeSign(seats.seats[self]!.key, message) },
        wal: { append: async (records) => void log.push(...records), close: async () => {} },
        log: { log: (_, event) => this.events.push(`${self} ${event}`) },
        send: (to, bytes) => this.#send(self, to, bytes),
        checkPayload: checkTallyPayload,
      },
      {
        seats,
        records: [...log],
        keyIsNew: log.length === 0,
        onMisbehaviour: (seat, { reason }) => this.refused.push(`${seat} ${reason}`),
      },
    );
    this.drivers[self] = driver;
    driver.onCommit((commit) => this.commits[self]!.push(commit));
    await driver.start();
  }

  async stop(seat: number): Promise<void> {
    await this.drivers[seat]?.stop();
    this.drivers[seat] = undefined;
  }

  submit(text: string): void {
    for (const driver of this.drivers) driver?.submit(tallyPayload(text));
  }

  /** Everybody is given the text, and it becomes final at this seat. */
  async orders(text: string, seat: number): Promise<void> {
    this.submit(text);
    const has = () => this.drivers[seat]?.finalState.texts.has(text) === true;
    await this.clock.runUntil(this.clock.monotonicMs() + 120_000, has);
    assert.ok(has(), `${text} is final at ${seat}`);
  }

  #send(from: number, to: number, bytes: Uint8Array): void {
    const message = decodeMessage(bytes);
    assert.ok(message.ok);
    for (const said of this.bend(from, message.value)) {
      this.clock.setTimer(1, () => this.drivers[to]?.receive(from, encodeMessage(said)));
    }
  }
}

/** Its last seat has slept since the beginning. */
async function withSleeper(): Promise<Cadre> {
  const cadre = new Cadre();
  for (let seat = 0; seat < LATE; seat++) await cadre.start(seat);
  for (let height = 1; cadre.drivers[0]!.finalHeight < HEIGHT; height++) {
    await cadre.orders(`text ${height}`, 0);
  }
  return cadre;
}

test('who slept through eras starts from a snapshot, signs, and remembers it', async () => {
  const cadre = await withSleeper();
  await cadre.start(LATE);
  await cadre.orders('after the sleep', LATE);
  const heights = cadre.commits[LATE]!.map(({ height }) => height);
  assert.equal(heights[0], CHECKPOINT);
  assert.deepEqual(
    heights,
    heights.map((_, i) => CHECKPOINT + i),
  );
  assert.deepEqual(
    [...cadre.drivers[LATE]!.finalState.texts].slice(0, HEIGHT),
    [...cadre.drivers[0]!.finalState.texts].slice(0, HEIGHT),
  );
  // With one of the others gone, only its vote makes a quorum.
  await cadre.stop(0);
  await cadre.orders('with its vote', LATE);
  await cadre.stop(LATE);
  await cadre.start(LATE);
  await cadre.orders('after its restart', LATE);
  assert.equal(cadre.commits[LATE]![0]!.height, CHECKPOINT, 'its log begins at the snapshot');
  assert.deepEqual(cadre.refused, []);
});

test('a server that lies or stalls costs time and is named; the next one is asked', async () => {
  const cadre = await withSleeper();
  const bytes = new Uint8Array();
  const lies: Readonly<Record<string, (chunk: MessageOf<'snapshot'>) => readonly Message[]>> = {
    silence: () => [],
    denial: (chunk) => [{ ...chunk, total: 0, bytes }],
    nothing: (chunk) => [{ ...chunk, bytes }],
    more: (chunk) => [{ ...chunk, total: chunk.total + 1 }],
    other: (chunk) => [
      { ...chunk, bytes: chunk.bytes.map((byte, i) => (i === 900 ? byte ^ 1 : byte)) },
    ],
  };
  const [log] = [cadre.logs[LATE]!];
  for (const [name, lie] of Object.entries(lies)) {
    // Whoever is asked first lies; nobody else does.
    let liar: number | undefined;
    cadre.bend = (from, message) => {
      if (message.kind !== 'snapshot') return [message];
      liar ??= from;
      return from === liar ? lie(message) : [message];
    };
    log.length = 0;
    cadre.refused.length = 0;
    cadre.events.length = 0;
    await cadre.start(LATE);
    await cadre.orders(`after ${name}`, LATE);
    await cadre.stop(LATE);
    const isStalled = cadre.events.includes(`${LATE} consensus.snapshot-stalled`);
    const isRefused = cadre.refused.some((line) => line.startsWith(`${liar} `));
    assert.equal(isStalled, name === 'silence', name);
    assert.equal(isRefused, name === 'nothing' || name === 'more' || name === 'other', name);
    assert.equal(cadre.commits[LATE]![0]!.height, CHECKPOINT, name);
  }
});
