/**
 * A cadre over long links, in simulated time: the real driver and replica, one processor per member
 * on which signatures cost what a table says, links of a fixed delay. Printed: from the sending of
 * a proposal until its block is final, over all blocks and members, against three hops of the link
 * and the allowance of consensus.md section 2; blocks a second; and the longest wait between two.
 *
 *   npm run bench -- consensus-links [--seats 31] [--hop 50] [--blocks 60] [--crashed 0]
 */
import { parseArgs } from 'node:util';
import { toHex, utf8 } from '../../src/base/bytes.ts';
import type { SignatureVerifier } from '../../src/base/ports.ts';
import { accept } from '../../src/base/verdict.ts';
import type { Payload } from '../../src/consensus/application.ts';
import { type ConsensusDriver, createDriver } from '../../src/consensus/driver.ts';
import { blockId, decodeMessage } from '../../src/consensus/messages.ts';
import { TALLY, type Tally, tallyPayload } from '../../src/sim/cadre/tally.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';
import { fakeSign, fakeVerifier, silentLog, testSeats } from '../unit/consensus/world.ts';

const { values } = parseArgs({
  options: {
    seats: { type: 'string', default: '31' },
    hop: { type: 'string', default: '50' },
    blocks: { type: 'string', default: '60' },
    crashed: { type: 'string', default: '0' },
  },
});
const SEATS = Number(values.seats);
const HOP_MS = Number(values.hop);
const BLOCKS = Number(values.blocks);
const CRASHED = Number(values.crashed);
/** What three hops may cost besides, ms (consensus.md section 2). */
const ALLOWANCE_MS = SEATS > 31 ? 80 : 40;

/** Ed25519 as measured with node:crypto on one core, and an fdatasync, ms. */
const COSTS = { sign: 0.04, verify: 0.13, sync: 0.15 } as const;
/** Blocks before the figures begin: leaders are elected by who takes part from then on. */
const WARM_BLOCKS = CRASHED === 0 ? 5 : 20;
const SUBMIT_MS = 10;
const LIMIT_MS = 3_600_000;

/** One processor: what it is asked to do waits for what it does. */
class Processor {
  readonly #clock: VirtualClock;
  #freeMs = 0;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  /** Takes this long, after everything before it. */
  spend(costMs: number): void {
    this.#freeMs = Math.max(this.#freeMs, this.#clock.monotonicMs()) + costMs;
  }

  /** Runs when everything asked for so far is done, and another delay has passed. */
  afterwards(delayMs: number, run: () => void): void {
    const waitMs = Math.max(0, this.#freeMs - this.#clock.monotonicMs());
    this.#clock.setTimer(waitMs + delayMs, run);
  }

  done(costMs: number): Promise<void> {
    this.spend(costMs);
    return new Promise((resolve) => this.afterwards(0, resolve));
  }
}

const clock = new VirtualClock();
const random = new SeededRandom(1);
const drivers: (ConsensusDriver<Tally> | undefined)[] = [];
/** When a block was first sent, by hex id. */
const proposedMs = new Map<string, number>();
const delays: number[] = [];
/** When the last block became final somewhere; and the longest wait, while warming up as well. */
const progress = { height: 0, atMs: 0, gapMs: 0 };

function member(self: number): ConsensusDriver<Tally> {
  const seats = testSeats(SEATS, self);
  const processor = new Processor(clock);
  const verifier: SignatureVerifier = {
    verify: async (key, message, signature) => {
      await processor.done(COSTS.verify);
      return fakeVerifier.verify(key, message, signature);
    },
  };
  const sign = (message: Uint8Array) => {
    processor.spend(COSTS.sign);
    return fakeSign(seats.seats[self]!.key, message);
  };
  const send = (to: number, bytes: Uint8Array) => {
    const message = decodeMessage(bytes);
    if (message.ok && message.value.kind === 'proposal') {
      const id = toHex(blockId(message.value.block));
      if (!proposedMs.has(id)) proposedMs.set(id, clock.monotonicMs());
    }
    processor.afterwards(HOP_MS, () => drivers[to]?.receive(self, bytes));
  };
  const driver = createDriver<Tally>(
    {
      application: TALLY,
      clock,
      random,
      verifier,
      signer: { sign },
      wal: { append: () => processor.done(COSTS.sync), close: async () => {} },
      log: silentLog,
      send,
      checkPayload: async (bytes): Promise<ReturnType<typeof accept<Payload>>> =>
        accept(tallyPayload(new TextDecoder().decode(bytes))),
    },
    { seats, records: [], keyIsNew: true },
  );
  driver.onCommit(({ height, blockId: id }) => {
    noteProgress(height);
    const sentMs = proposedMs.get(toHex(id));
    if (sentMs !== undefined && height > WARM_BLOCKS) delays.push(clock.monotonicMs() - sentMs);
  });
  return driver;
}

function noteProgress(height: number): void {
  if (height <= progress.height) return;
  const nowMs = clock.monotonicMs();
  if (progress.height > 0) progress.gapMs = Math.max(progress.gapMs, nowMs - progress.atMs);
  progress.height = height;
  progress.atMs = nowMs;
}

for (let self = 0; self < SEATS; self++) drivers.push(member(self));
// Spread over the order of leaders, which chance decides.
for (let i = 0; i < CRASHED; i++) drivers[Math.floor((i * SEATS) / CRASHED)] = undefined;
const running = drivers.filter((driver) => driver !== undefined);
await Promise.all(running.map((driver) => driver.start()));

let texts = 0;
const submit = () => {
  texts += 1;
  const payload = tallyPayload(toHex(utf8(`text ${texts}`)).slice(0, 60));
  for (const driver of running) driver.submit(payload);
  clock.setTimer(SUBMIT_MS, submit);
};
submit();
const heightOf = () => Math.min(...running.map((driver) => driver.finalHeight));
await clock.runUntil(LIMIT_MS, () => heightOf() >= WARM_BLOCKS);
const fromMs = clock.monotonicMs();
await clock.runUntil(LIMIT_MS, () => heightOf() >= WARM_BLOCKS + BLOCKS);
const tookMs = clock.monotonicMs() - fromMs;

delays.sort((a, b) => a - b);
const at = (share: number) => delays[Math.floor((delays.length - 1) * share)]!;
const boundMs = 3 * HOP_MS + ALLOWANCE_MS;
console.log(
  `n = ${SEATS}, ${CRASHED} crashed, ${HOP_MS} ms links, sign ${COSTS.sign}, verify ${COSTS.verify}, sync ${COSTS.sync} ms`,
);
console.log(
  `proposal to final: p50 ${at(0.5).toFixed(1)} ms, p90 ${at(0.9).toFixed(1)} ms, max ${at(1).toFixed(1)} ms`,
);
console.log(
  `p50 to ${boundMs} ms (three hops and ${ALLOWANCE_MS}): ${(at(0.5) / boundMs).toFixed(2)}`,
);
console.log(`${((1000 * BLOCKS) / tookMs).toFixed(1)} blocks a second over ${BLOCKS} blocks`);
console.log(`longest wait for the next final block: ${progress.gapMs.toFixed(0)} ms`);
