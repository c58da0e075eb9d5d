/**
 * One member of a soaked cadre: the real driver over a real log and a libp2p host, in a process of
 * its own. It tells its parent every final block, and ends when the parent does.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { createDriver } from '../../../src/consensus/driver.ts';
import { decodeMessage, encodeMessage } from '../../../src/consensus/messages.ts';
import { ed25519Verifier, signerFromSeed } from '../../../src/crypto/node/keys.ts';
import { silentLogger, systemClock, systemRandom } from '../../../src/crypto/node/system-ports.ts';
import { createHost } from '../../../src/net/host.ts';
import type { Lie } from '../../../src/sim/cadre/liar.ts';
import { LIES } from '../../../src/sim/cadre/lies.ts';
import {
  checkTallyPayload,
  TALLY,
  type Tally,
  tallyPayload,
} from '../../../src/sim/cadre/tally.ts';
import { SeededRandom } from '../../../src/sim/seeded-random.ts';
import { openWal } from '../../../src/store/log-folder.ts';
import type { MemberOrder, MemberReport } from './soak-messages.ts';

function tell(report: MemberReport): void {
  process.send?.(report);
}

/** What leaves instead of these bytes, and what passes the liar on its way in. */
function lieOf({ lie, seats, self, seed }: MemberOrder): Lie | undefined {
  if (lie === undefined) return undefined;
  const random = new SeededRandom(seed[0]! + 256 * seed[1]!);
  const { sign } = signerFromSeed(seed);
  return LIES[lie]({ seats: { ...seats, self }, random, sign });
}

function saidTo(lie: Lie | undefined, seat: number, bytes: Uint8Array): readonly Uint8Array[] {
  const message = lie && decodeMessage(bytes);
  if (lie === undefined || message?.ok !== true) return [bytes];
  const said = lie.say(seat, message.value);
  return said.map((one) => (one instanceof Uint8Array ? one : encodeMessage(one)));
}

async function run(order: MemberOrder): Promise<void> {
  const { self, seats, addresses, seed, folder } = order;
  const lie = lieOf(order);
  const ports = { clock: systemClock, random: systemRandom };
  const host = await createHost(
    { ...ports, logger: silentLogger },
    {
      networkId: 'soak',
      seed,
      listen: [addresses[self]!.replace(/\/p2p\/.*$/, '')],
      bootstrap: [],
      server: true,
    },
  );
  const { wal, records } = await openWal(join(folder, 'log'));
  const driver = createDriver<Tally>(
    {
      ...ports,
      application: TALLY,
      verifier: ed25519Verifier,
      signer: signerFromSeed(seed),
      wal,
      log: silentLogger,
      send: (seat, bytes) => {
        const { peerId } = seats.seats[seat]!;
        for (const said of saidTo(lie, seat, bytes)) host.network.send(peerId, 'consensus', said);
      },
      checkPayload: checkTallyPayload,
    },
    {
      seats: { ...seats, self },
      records,
      // A process that was killed loses nothing it wrote: an empty log never let a message out.
      keyIsNew: records.length === 0,
      onFatal: ({ message }) => tell({ kind: 'broken', reason: `stopped: ${message}` }),
      onMisbehaviour: (seat, { reason }) => tell({ kind: 'blames', seat, reason }),
      onEvidence: ({ seat, fault }) => tell({ kind: 'blames', seat, reason: fault }),
    },
  );
  driver.onCommit(({ height, block, payloads, cert, links }) => {
    const texts = payloads.map(({ value }) => String(value));
    tell({ kind: 'final', height, block, texts, cert, links });
  });
  const seatOf = new Map(seats.seats.map(({ peerId }, seat) => [peerId, seat]));
  host.network.handle('consensus', {
    message: (peer, bytes) => {
      const seat = seatOf.get(peer);
      if (seat === undefined) return;
      const heard = lie && decodeMessage(bytes);
      if (heard?.ok === true) lie?.hear?.(heard.value);
      driver.receive(seat, bytes);
    },
  });
  await host.start();
  for (const [seat, address] of addresses.entries()) {
    if (seat === self) continue;
    await host.network.addAddresses(seats.seats[seat]!.peerId, [address]);
  }
  await driver.start();
  process.on('message', (texts: readonly string[]) => {
    for (const text of texts) driver.submit(tallyPayload(text));
  });
  tell({ kind: 'ready' });
}

process.once('disconnect', () => process.exit(0));
process.once('message', (order: MemberOrder) => {
  assert.ok(process.send !== undefined);
  run(order).catch((cause: Error) => tell({ kind: 'broken', reason: cause.message }));
});
