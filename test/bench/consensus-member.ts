/** One member of `consensus-processes`: `SEAT SEATS BATCH BATCHES DIRECTORY`, led over IPC. */
import { join } from 'node:path';
import { concatBytes, toHex, utf8 } from '../../src/base/bytes.ts';
import { ZERO_DIGEST } from '../../src/base/ids.ts';
import { accept, type Checked, refuse } from '../../src/base/verdict.ts';
import type { Application, Payload } from '../../src/consensus/application.ts';
import { createDriver } from '../../src/consensus/driver.ts';
import { blockId, decodeMessage } from '../../src/consensus/messages.ts';
import { ed25519Verifier, signerFromSeed } from '../../src/crypto/node/keys.ts';
import { systemClock, systemRandom } from '../../src/crypto/node/system-ports.ts';
import { sha256 } from '../../src/crypto/portable/hash.ts';
import { createHost } from '../../src/net/host.ts';
import { openWal } from '../../src/store/log-folder.ts';
import { silentLogger } from '../support/real-ports.ts';

const TUPLE_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** Middle of a sorted list. */
export function median(sorted: readonly number[]): number {
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}

interface Count {
  readonly receipts: number;
  readonly root: Uint8Array;
}

/** Orders batches: their number of tuples, and a running hash over their ids. */
const application: Application<Count> = {
  genesis: { receipts: 0, root: ZERO_DIGEST },
  execute: (state, payloads) => {
    const root = payloads.reduce((at, { id }) => sha256(concatBytes([at, id])), state.root);
    const tuples = payloads.reduce((sum, { value }) => sum + Number(value), state.receipts);
    return accept({
      state: { receipts: tuples, root },
      stateRoot: root,
      resultsRoot: ZERO_DIGEST,
    });
  },
  isFinal: () => false,
  select: (_, pending) => pending,
};

const seedOf = (name: string, index: number) => sha256(utf8(`bench ${name} ${index}`));
const worker = signerFromSeed(seedOf('worker', 0));

/** A signature over the hash of the tuples, and the tuples. */
function batchOf(tuples: Uint8Array): Uint8Array {
  return concatBytes([worker.sign(sha256(tuples)), tuples]);
}

function payloadOf(bytes: Uint8Array): Payload {
  const tuples = (bytes.length - SIGNATURE_BYTES) / TUPLE_BYTES;
  return { id: sha256(bytes), bytes, value: tuples };
}

async function checkBatch(bytes: Uint8Array): Promise<Checked<Payload>> {
  const signature = bytes.subarray(0, SIGNATURE_BYTES);
  const digest = sha256(bytes.subarray(SIGNATURE_BYTES));
  const holds = await ed25519Verifier.verify(worker.publicKey, digest, signature);
  return holds ? accept(payloadOf(bytes)) : refuse('bad-signature');
}

async function openHost(self: number) {
  const host = await createHost(
    { clock: systemClock, random: systemRandom, logger: silentLogger },
    {
      seed: seedOf('node', self),
      networkId: 'bench',
      listen: ['/ip4/127.0.0.1/tcp/0'],
      bootstrap: [],
      server: true,
    },
  );
  await host.start();
  return host;
}

async function serve(self: number, seatCount: number, directory: string) {
  const host = await openHost(self);
  const keys = Array.from({ length: seatCount }, (_, i) => signerFromSeed(seedOf('seat', i)));
  const nodes = Array.from({ length: seatCount }, (_, i) => signerFromSeed(seedOf('node', i)));
  const proposedMs = new Map<string, number>();
  const latenciesMs: number[] = [];
  const { wal, records } = await openWal(join(directory, `seat-${self}`));
  const driver = createDriver<Count>(
    {
      application,
      clock: systemClock,
      random: systemRandom,
      log: silentLogger,
      verifier: ed25519Verifier,
      signer: keys[self]!,
      wal,
      send: (seat, bytes) => {
        const message = bytes.length < 65_536 ? decodeMessage(bytes) : undefined;
        if (message?.ok && message.value.kind === 'proposal') {
          const id = toHex(blockId(message.value.block));
          if (!proposedMs.has(id)) proposedMs.set(id, performance.now());
        }
        host.network.send(nodes[seat]!.peerId, 'consensus', bytes);
      },
      checkPayload: checkBatch,
    },
    {
      seats: {
        planId: sha256(utf8('bench plan')),
        cadreRoot: sha256(utf8('bench cadre')),
        epoch: 0,
        self,
        seats: keys.map(({ publicKey }, i) => {
          return { nodeId: nodes[i]!.nodeId, peerId: nodes[i]!.peerId, key: publicKey };
        }),
      },
      records,
      keyIsNew: true,
    },
  );
  driver.onCommit(({ blockId: id }) => {
    const atMs = proposedMs.get(toHex(id));
    if (atMs !== undefined) latenciesMs.push(performance.now() - atMs);
    proposedMs.delete(toHex(id));
  });
  const seatOf = new Map(nodes.map(({ peerId }, seat) => [peerId, seat]));
  host.network.handle('consensus', {
    message: (from, bytes) => driver.receive(seatOf.get(from)!, bytes),
  });
  // Batches of workers come to every member, as records do.
  host.network.handle('job', {
    message: (_, bytes) => {
      void checkBatch(bytes).then((batch) => {
        if (batch.ok) driver.submit(batch.value);
      });
    },
  });
  return { host, driver, nodes, latenciesMs };
}

/** Seat 0 plays the worker too: offers so many batches a second to all. */
function offer(batchTuples: number, batches: number, give: (batch: Uint8Array) => void): void {
  let offered = 0;
  const startedMs = performance.now();
  const tick = () => {
    const due = Math.floor(((performance.now() - startedMs) / 1000) * batches);
    for (; offered < due; offered++) {
      const tuples = new Uint8Array(batchTuples * TUPLE_BYTES);
      new DataView(tuples.buffer).setUint32(0, offered + 1);
      give(batchOf(tuples));
    }
    setTimeout(tick, 5);
  };
  tick();
}

if (process.send !== undefined) {
  const [seat, seats, batch, batches, directory] = process.argv.slice(2);
  const self = Number(seat);
  const { host, driver, nodes, latenciesMs } = await serve(self, Number(seats), directory!);
  const begin = async (addressesOf: readonly string[][]) => {
    for (const [i, addresses] of addressesOf.entries()) {
      if (i !== self) await host.network.addAddresses(nodes[i]!.peerId, addresses);
    }
    await driver.start();
    process.send!({ started: true });
    if (self !== 0) return;
    offer(Number(batch), Number(batches), (bytes) => {
      driver.submit(payloadOf(bytes));
      for (const [i, { peerId }] of nodes.entries()) {
        if (i !== self) host.network.send(peerId, 'job', bytes);
      }
    });
  };
  process.on('message', (message: { addresses?: string[][]; report?: true }) => {
    if (message.addresses !== undefined) {
      void begin(message.addresses);
      return;
    }
    const { receipts } = driver.finalState;
    process.send!({ receipts, blocks: driver.finalHeight, latenciesMs: latenciesMs.splice(0) });
  });
  process.send(host.network.addresses());
}
