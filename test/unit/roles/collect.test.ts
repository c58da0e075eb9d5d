import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serveBlobs } from '../../../src/blob/serve.ts';
import { blobRoot } from '../../../src/blob/tree.ts';
import type { ArraySpec } from '../../../src/kernel/contract.ts';
import { collect, type Piece } from '../../../src/roles/collect.ts';
import { SimHub } from '../../../src/sim/sim-hub.ts';
import type { SimNetwork } from '../../../src/sim/sim-network.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';
import { MemoryBlobStore } from '../../../src/store/memory-blob-store.ts';

const PIECES = 8;
const WIDTH = 4;
const OUTPUT: ArraySpec = { name: 'out', dtype: '|u1', shape: [PIECES * WIDTH] };

const contentOf = (piece: number) => new Uint8Array(WIDTH).fill(piece + 1);
const EXPECTED = Uint8Array.from({ length: PIECES * WIDTH }, (_, i) => Math.floor(i / WIDTH) + 1);

interface Holder {
  readonly network: SimNetwork;
  readonly store: MemoryBlobStore;
}

/** Holders of one output in eight pieces; `holds` says who holds which. */
async function world(holders: number, holds: (holder: number, piece: number) => boolean) {
  const clock = new VirtualClock();
  const hub = new SimHub({ clock });
  const client = hub.join();
  const peers: Holder[] = [];
  for (let i = 0; i < holders; i++) {
    const [network, store] = [hub.join(), new MemoryBlobStore()];
    for (let piece = 0; piece < PIECES; piece++) {
      if (holds(i, piece)) await store.put(contentOf(piece));
    }
    serveBlobs({ network, store });
    peers.push({ network, store });
  }
  const pieces = Array.from({ length: PIECES }, (_, piece): Piece => {
    return {
      output: 0,
      region: { offset: [piece * WIDTH], shape: [WIDTH] },
      digest: blobRoot(contentOf(piece)),
      holders: peers.map(({ network }) => network.self),
    };
  });
  return { clock, client, hub, peers, pieces };
}

test('pieces come from all holders and land where they belong', async () => {
  const { clock, client, peers, pieces } = await world(3, () => true);
  const [out] = await collect({ network: client, clock }, [OUTPUT], pieces, {});
  assert.deepEqual(out, EXPECTED);
  const asked = peers.filter(({ network }) => network.connectedPeers().length > 0);
  assert.equal(asked.length, 3);
});

test('what one holder lacks comes from the next', async () => {
  const { clock, client, pieces } = await world(3, (holder) => holder === 2);
  assert.deepEqual((await collect({ network: client, clock }, [OUTPUT], pieces, {}))[0], EXPECTED);
});

test('holders that each lack something else give everything together', async () => {
  const { clock, client, pieces } = await world(
    2,
    (holder, piece) => piece % 4 < 2 === (holder === 0),
  );
  assert.deepEqual((await collect({ network: client, clock }, [OUTPUT], pieces, {}))[0], EXPECTED);
});

test('a spoilt piece is not taken, and costs its holder', async () => {
  const { clock, client, peers, pieces } = await world(2, () => true);
  const inner = peers[0]!.network.handlerOf('blob')!;
  const spoil = (bytes: Uint8Array) => bytes.map((byte, i) => (i === bytes.length - 1 ? 99 : byte));
  Object.assign(inner, spoilt(inner, spoil));
  assert.deepEqual((await collect({ network: client, clock }, [OUTPUT], pieces, {}))[0], EXPECTED);
  assert.ok(client.penalties.some(({ peer }) => peer === peers[0]!.network.self));
});

function spoilt(
  inner: NonNullable<ReturnType<SimNetwork['handlerOf']>>,
  spoil: (bytes: Uint8Array) => Uint8Array,
) {
  const { request, stream } = { request: inner.request, stream: inner.stream };
  return {
    request: async (...call: Parameters<NonNullable<typeof request>>) =>
      spoil(await request!.apply(inner, call)),
    stream: async function* (...call: Parameters<NonNullable<typeof stream>>) {
      for await (const piece of stream!.apply(inner, call)) yield spoil(piece);
    },
  };
}

test('a piece that nobody holds fails the whole, with a code', async () => {
  const { clock, client, pieces } = await world(2, (_, piece) => piece !== 5);
  await assert.rejects(collect({ network: client, clock }, [OUTPUT], pieces, {}), {
    code: 'COLLECT_FAILED',
  });
});

test('an abort is the abort, not a failure to collect', async () => {
  const { clock, client, pieces } = await world(2, () => true);
  const reason = new Error('enough');
  await assert.rejects(
    collect({ network: client, clock }, [OUTPUT], pieces, { signal: AbortSignal.abort(reason) }),
    (error: { code?: string }) => error.code !== 'COLLECT_FAILED',
  );
});

test('holders that restart are asked again; holders that stay away are given up', async () => {
  for (const [backAfterMs, isBack] of [
    [6_000, true],
    [60_000, false],
  ] as const) {
    const { clock, client, hub, peers, pieces } = await world(2, () => true);
    for (const { network } of peers) hub.cut(client.self, network.self);
    clock.setTimer(backAfterMs, () => {
      for (const { network } of peers) hub.heal(client.self, network.self);
    });
    const collected = clock.run(collect({ network: client, clock }, [OUTPUT], pieces, {}));
    if (isBack) assert.deepEqual((await collected)[0], EXPECTED);
    else await assert.rejects(collected, { code: 'COLLECT_FAILED' });
    assert.ok(clock.monotonicMs() <= 20_000);
  }
});
