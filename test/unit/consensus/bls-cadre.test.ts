/** A cadre that signs with BLS12-381: real pairings in their worker, real time, no disk. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Wal } from '../../../src/base/ports.ts';
import { type ConsensusDriver, createDriver } from '../../../src/consensus/driver.ts';
import { decodeMessage, encodeMessage } from '../../../src/consensus/messages.ts';
import type { CadreSeats } from '../../../src/consensus/seats.ts';
import { checksOf, checksOfCommitCert } from '../../../src/consensus/signature-checks.ts';
import { blsSignerFromSeed } from '../../../src/crypto/node/bls-math.ts';
import { BlsScheme } from '../../../src/crypto/node/bls-scheme.ts';
import { systemClock, systemRandom } from '../../../src/crypto/node/system-ports.ts';
import { TAGS } from '../../../src/wire/tags.ts';
import {
  checkTextPayload,
  fakeVerifier,
  silentLog,
  type Tally,
  tallyApplication,
  testSeats,
  textPayload,
} from './world.ts';

const SEATS = 4;
const DEADLINE_MS = 60_000;
const possessionTag = TAGS.consensusPossession;
const scheme = new BlsScheme({ possessionTag });
after(() => scheme.close());

const signers = Array.from({ length: SEATS }, (_, i) =>
  blsSignerFromSeed(new Uint8Array(32).fill(i + 1), possessionTag),
);
const noDisk: Wal = { append: async () => {}, close: async () => {} };

function seatsOf(self: number): CadreSeats {
  const plain = testSeats(SEATS, self);
  const seats = plain.seats.map((seat, i) => ({ ...seat, key: signers[i]!.publicKey }));
  return { ...plain, seats, form: scheme };
}

interface Cadre {
  readonly drivers: readonly ConsensusDriver<Tally>[];
  readonly refused: string[];
  /** Resolves when these seats have delivered so many payloads. */
  delivered(seats: readonly number[], count: number): Promise<void>;
  stop(): Promise<void>;
}

async function cadre(bend: (from: number, bytes: Uint8Array) => Uint8Array): Promise<Cadre> {
  const refused: string[] = [];
  const drivers: ConsensusDriver<Tally>[] = [];
  let onCommit = () => {};
  for (let self = 0; self < SEATS; self++) {
    const driver = createDriver<Tally>(
      {
        application: tallyApplication(1_000),
        clock: systemClock,
        random: systemRandom,
        verifier: fakeVerifier,
        scheme,
        signer: signers[self]!,
        wal: noDisk,
        log: silentLog,
        send: (to, bytes) => setImmediate(() => drivers[to]?.receive(self, bend(self, bytes))),
        checkPayload: checkTextPayload,
      },
      {
        seats: seatsOf(self),
        records: [],
        keyIsNew: true,
        onMisbehaviour: (seat, { reason }) => refused.push(`${seat} ${reason}`),
      },
    );
    driver.onCommit(() => onCommit());
    drivers.push(driver);
  }
  await Promise.all(drivers.map((driver) => driver.start()));
  return {
    drivers,
    refused,
    stop: async () => {
      await Promise.all(drivers.map((driver) => driver.stop()));
    },
    delivered: (seats, count) =>
      new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error('not delivered in time')), DEADLINE_MS);
        onCommit = () => {
          if (seats.some((seat) => drivers[seat]!.finalState.texts.length < count)) return;
          clearTimeout(late);
          resolve();
        };
        onCommit();
      }),
  };
}

test('members commit under certificates of one aggregate, which stand by themselves', async () => {
  const { drivers, refused, delivered, stop } = await cadre((_, bytes) => bytes);
  for (const text of ['a', 'b', 'c'])
    for (const driver of drivers) driver.submit(textPayload(text));
  await delivered([0, 1, 2, 3], 3);
  await stop();
  assert.deepEqual(refused, []);
  const cert = drivers[0]!.finalCert!;
  assert.equal(cert.sigs.length, 96);
  const checks = checksOfCommitCert(seatsOf(0), cert);
  assert.ok(checks.ok && checks.value.length === 1);
  const [check] = checks.value;
  assert.ok(check !== undefined && 'joined' in check);
  const signed = check.signed.map(({ seat, message }) => ({
    key: signers[seat]!.publicKey,
    message,
  }));
  assert.ok(await scheme.verifyJoined(signed, check.joined));
  const listed = checksOfCommitCert({ ...seatsOf(0), form: undefined } as never, cert);
  assert.equal(!listed.ok && listed.reason, 'signature-count', 'no other scheme takes it');
});

test('a member whose signatures are garbage is named, and stops nobody', async () => {
  const liar = 2;
  const { drivers, refused, delivered, stop } = await cadre((from, bytes) => {
    const decoded = decodeMessage(bytes);
    if (from !== liar || !decoded.ok || decoded.value.kind !== 'vote') return bytes;
    // A valid point, so that it would go into a sum unseen: another seat's signature.
    return encodeMessage({ ...decoded.value, sig: signers[0]!.sign(new Uint8Array(3)) });
  });
  for (const text of ['a', 'b']) for (const driver of drivers) driver.submit(textPayload(text));
  await delivered([0, 1, 3], 2);
  await stop();
  assert.ok(refused.length > 0);
  assert.deepEqual([...new Set(refused)], [`${liar} bad-signature`]);
});

test('a certificate with one signer more than signed is refused', async () => {
  const { drivers, delivered, stop } = await cadre((_, bytes) => bytes);
  for (const driver of drivers) driver.submit(textPayload('a'));
  await delivered([0, 1, 2, 3], 1);
  await stop();
  const cert = drivers[1]!.finalCert!;
  const everyone = { ...cert, signers: Uint8Array.of(0b1111) };
  const checks = checksOf(
    { ...seatsOf(0), order: [0, 1, 2, 3] },
    { kind: 'sync', highQc: { ...everyone, parentRound: 0 }, highCc: everyone },
    1,
  );
  assert.ok(checks.ok);
  const held = await Promise.all(
    checks.value.map(async (check) => {
      assert.ok('joined' in check);
      const signed = check.signed.map(({ seat, message }) => {
        return { key: signers[seat]!.publicKey, message };
      });
      return scheme.verifyJoined(signed, check.joined);
    }),
  );
  assert.deepEqual(held, [false, false]);
});
