/** Drivers over an in-memory transport with real logs on disk and real Ed25519 keys. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Clock, Random, Wal } from '../../../src/base/ports.ts';
import { type ConsensusDriver, createDriver } from '../../../src/consensus/driver.ts';
import type { Commit } from '../../../src/consensus/effects.ts';
import { encodeMessage } from '../../../src/consensus/messages.ts';
import type { CadreSeats } from '../../../src/consensus/seats.ts';
import { ed25519Verifier, generateSigner } from '../../../src/crypto/node/keys.ts';
import { SeededRandom } from '../../../src/sim/seeded-random.ts';
import { openWal } from '../../../src/store/log-folder.ts';
import { electorate, makeBlock, makeProposal, makeQc, makeVote, namedId } from './fixtures.ts';
import {
  checkTextPayload,
  silentLog,
  type Tally,
  tallyApplication,
  testSeats,
  textPayload,
} from './world.ts';

const directory = await mkdtemp(join(tmpdir(), 'kadre-driver-'));
/** Stopped in any case, so that a failing test does not keep its timers running. */
const started: Members[] = [];
after(async () => {
  await Promise.all(started.map((members) => members.stopAll()));
  await rm(directory, { recursive: true, force: true });
});

const clock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};
const random: Random = new SeededRandom(1);

/** Four members of one plan in this process. */
class Members {
  readonly signers = Array.from({ length: 4 }, () => generateSigner());
  readonly drivers: (ConsensusDriver<Tally> | undefined)[] = [];
  readonly logs: (Wal | undefined)[] = [];
  readonly refused: string[] = [];
  readonly name: string;

  constructor(name: string) {
    this.name = name;
    started.push(this);
  }

  seats(self: number): CadreSeats {
    const seats = this.signers.map(({ nodeId, peerId, publicKey }) => ({
      nodeId,
      peerId,
      key: publicKey,
    }));
    return { ...testSeats(4, self, this.name), seats };
  }

  async start(seat: number, wrap: (wal: Wal) => Wal = (wal) => wal): Promise<void> {
    const { wal, records } = await openWal(join(directory, `${this.name}-${seat}`));
    this.logs[seat] = wal;
    const driver = createDriver<Tally>(
      {
        application: tallyApplication(5),
        clock,
        random,
        verifier: ed25519Verifier,
        signer: this.signers[seat]!,
        wal: wrap(wal),
        log: silentLog,
        send: (to, message) => setImmediate(() => this.drivers[to]?.receive(seat, message)),
        checkPayload: checkTextPayload,
      },
      {
        seats: this.seats(seat),
        records,
        keyIsNew: records.length === 0,
        onFatal: (error) => this.refused.push(`${seat} stopped: ${error.code}`),
        onMisbehaviour: (from, refusal) => this.refused.push(`${from} ${refusal.reason}`),
      },
    );
    this.drivers[seat] = driver;
    await driver.start();
  }

  async stop(seat: number): Promise<void> {
    const driver = this.drivers[seat];
    this.drivers[seat] = undefined;
    await driver?.stop();
    await this.logs[seat]?.close();
  }

  async stopAll(): Promise<void> {
    await Promise.all(this.drivers.map((_, seat) => this.stop(seat)));
  }

  /** Resolves with the commit after which `count` payloads are final at a seat. */
  reached(seat: number, count: number): Promise<Commit<Tally> | undefined> {
    const driver = this.drivers[seat]!;
    if (driver.finalState.texts.length >= count) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const remove = driver.onCommit((commit) => {
        if (commit.state.texts.length < count) return;
        remove();
        resolve(commit);
      });
    });
  }

  submit(text: string): void {
    for (const driver of this.drivers) driver?.submit(textPayload(text));
  }
}

test('four members agree, survive a restart of one, then of all', { timeout: 30_000 }, async () => {
  const members = new Members('restart');
  const all = [0, 1, 2, 3];
  await Promise.all(all.map((seat) => members.start(seat)));
  members.submit('a');
  await Promise.all(all.map((seat) => members.reached(seat, 1)));
  await members.stop(2);
  members.submit('b');
  await Promise.all([0, 1, 3].map((seat) => members.reached(seat, 2)));
  await members.start(2);
  assert.deepEqual(members.drivers[2]?.finalState.texts, ['a'], 'what it delivered is there');
  await members.reached(2, 2);
  await members.stopAll();
  await Promise.all(all.map((seat) => members.start(seat)));
  const before = members.drivers.map((driver) => driver?.finalState.texts.join());
  assert.deepEqual(before, ['a,b', 'a,b', 'a,b', 'a,b']);
  members.submit('c');
  await Promise.all(all.map((seat) => members.reached(seat, 3)));
  assert.deepEqual(members.refused, []);
  await members.stopAll();
});

test('a failed log stops the driver before anything leaves', { timeout: 30_000 }, async () => {
  const members = new Members('broken');
  let isBroken = false;
  const breaking = (wal: Wal): Wal => ({
    append: (records) => (isBroken ? Promise.reject(new Error('EIO')) : wal.append(records)),
    close: () => wal.close(),
  });
  for (const seat of [0, 1, 2, 3]) await members.start(seat, seat === 1 ? breaking : undefined);
  isBroken = true;
  members.submit('a');
  await Promise.all([0, 2, 3].map((seat) => members.reached(seat, 1)));
  assert.deepEqual(members.refused, ['1 stopped: DISK_FAILED']);
  assert.equal(members.drivers[1]?.finalHeight, 0);
  await members.stopAll();
});

test('what a member forges is refused with its reason and changes nothing', async () => {
  const members = new Members('forged');
  await members.start(0);
  const driver = members.drivers[0]!;
  const seats = { ...electorate(4), ...testSeats(4, 0, 'forged') };
  const qc = makeQc(seats, 3, 2);
  const block = makeBlock(seats, 4, qc, { author: 1 });
  const vote = makeVote(seats, 1, { round: 1, blockId: namedId('x'), parentRound: 0 });
  const cases: [string, Uint8Array][] = [
    ['1 malformed', Uint8Array.of(0xff)],
    ['1 wrong-shape', encodeMessage({ ...vote, extra: 1 } as never)],
    ['1 bad-signature', encodeMessage(vote)],
    ['1 not-the-sender', encodeMessage({ ...vote, voter: 2 })],
    ['1 bad-signature', encodeMessage({ kind: 'sync', highQc: qc })],
    ['1 no-quorum', encodeMessage({ kind: 'sync', highQc: { ...qc, signers: Uint8Array.of(1) } })],
  ];
  /** Signatures are checked by other threads: their answer comes in some later turn. */
  const refusals = async (bytes: Uint8Array): Promise<readonly string[]> => {
    members.refused.length = 0;
    driver.receive(1, bytes);
    const untilMs = performance.now() + 10_000;
    while (members.refused.length === 0 && performance.now() < untilMs) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    return members.refused;
  };
  for (const [expected, bytes] of cases) assert.deepEqual(await refusals(bytes), [expected]);
  assert.equal((await refusals(encodeMessage(makeProposal(seats, block)))).length, 1);
  driver.receive(7, Uint8Array.of(1));
  assert.equal(driver.round, 1);
  await members.stopAll();
});
