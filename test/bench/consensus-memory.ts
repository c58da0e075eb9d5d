/**
 * Heap of one process with a whole cadre in it, after every tenth of a long chain: blocks of one
 * small payload each, an application of constant size, a log that keeps nothing. Printed as bytes
 * per replica, and as the ratio of the last to the first after warming up: flat is about 1.
 *
 *   npm run bench -- consensus-memory [--blocks 100000] [--seats 4]
 */
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { utf8 } from '../../src/base/bytes.ts';
import { ZERO_DIGEST } from '../../src/base/ids.ts';
import { accept } from '../../src/base/verdict.ts';
import type { Application, Payload } from '../../src/consensus/application.ts';
import { type ConsensusDriver, createDriver } from '../../src/consensus/driver.ts';
import { sha256 } from '../../src/crypto/portable/hash.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';
import { fakeSign, fakeVerifier, silentLog, testSeats } from '../unit/consensus/world.ts';

const { values } = parseArgs({
  options: {
    blocks: { type: 'string', default: '100000' },
    seats: { type: 'string', default: '4' },
  },
});
const BLOCKS = Number(values.blocks);
const SEATS = Number(values.seats);
const HOP_MS = 1;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Counts payloads: its state is one number, however long the chain. */
const counter: Application<number> = {
  genesis: 0,
  execute: (state, payloads) =>
    accept({ state: state + payloads.length, stateRoot: ZERO_DIGEST, resultsRoot: ZERO_DIGEST }),
  isFinal: () => false,
  select: (_, pending) => pending,
};

function payloadOf(bytes: Uint8Array): Payload {
  return { id: sha256(bytes), bytes, value: undefined };
}

const clock = new VirtualClock();
const random = new SeededRandom(1);
const drivers: ConsensusDriver<number>[] = [];
for (let self = 0; self < SEATS; self++) {
  const seats = testSeats(SEATS, self);
  drivers.push(
    createDriver<number>(
      {
        application: counter,
        clock,
        random,
        verifier: fakeVerifier,
        signer: { sign: (message) => fakeSign(seats.seats[self]!.key, message) },
        wal: { append: async () => {}, close: async () => {} },
        log: silentLog,
        send: (seat, bytes) => {
          clock.setTimer(HOP_MS, () => drivers[seat]?.receive(self, bytes));
        },
        checkPayload: async (bytes) => accept(payloadOf(bytes)),
      },
      { seats, records: [], keyIsNew: true, pacemaker: { batchDelayMs: 0 } },
    ),
  );
}
await Promise.all(drivers.map((driver) => driver.start()));

const heapBytes: number[] = [];
const started = performance.now();
for (let height = 1; height <= BLOCKS; height++) {
  const payload = payloadOf(utf8(`payload ${height}`));
  for (const driver of drivers) driver.submit(payload);
  const untilMs = clock.monotonicMs() + 60_000;
  await clock.runUntil(untilMs, () => drivers.every((driver) => driver.finalState >= height));
  if (height % Math.ceil(BLOCKS / 10) !== 0) continue;
  collectGarbage();
  heapBytes.push(process.memoryUsage().heapUsed);
  const perReplica = Math.round(heapBytes.at(-1)! / SEATS / 1024);
  const rate = Math.round((1000 * height) / (performance.now() - started));
  console.log(`${height} payloads, height ${drivers[0]!.finalHeight}: ${perReplica} KiB a replica`);
  console.log(`  (${rate} blocks a second through ${SEATS} replicas in one process)`);
}
// Three eras of blocks must be full before it can be flat.
const warm = heapBytes[Math.min(2, heapBytes.length - 1)]!;
console.log(`last to third: ${(heapBytes.at(-1)! / warm).toFixed(3)}`);
