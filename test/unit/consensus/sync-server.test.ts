/** Serving blocks and payloads within a budget. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../../../src/base/bytes.ts';
import type { Payload } from '../../../src/consensus/application.ts';
import type { Commit } from '../../../src/consensus/effects.ts';
import { ERA_BLOCKS } from '../../../src/consensus/eras.ts';
import { blockId } from '../../../src/consensus/messages.ts';
import type { ReplicaState } from '../../../src/consensus/replica-state.ts';
import { genesisQc } from '../../../src/consensus/seats.ts';
import { SyncServer } from '../../../src/consensus/sync-server.ts';
import type { Block, Qc } from '../../../src/consensus/types.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';
import { electorate, makeBlock, makeQc, namedId } from './fixtures.ts';

const seats = electorate(4);
const MIB = 1_048_576;

function serving(payloadBytes: readonly number[], blocks = payloadBytes.length) {
  const clock = new VirtualClock();
  const state = { tree: { entries: new Map() }, payloads: new Map(), evidence: new Map() };
  const server = new SyncServer<null>({
    clock,
    state: () => state as unknown as ReplicaState<null>,
    snapshots: undefined,
  });
  const chain: Block[] = [];
  const payloads: Payload[] = payloadBytes.map((bytes, i) => {
    return { id: namedId(`payload ${i}`), bytes: new Uint8Array(bytes), value: null };
  });
  let qc: Qc = genesisQc(seats);
  for (let round = 1; round <= blocks; round++) {
    const held = payloads[round - 1];
    const payloadRefs = held === undefined ? [] : [held.id];
    const block = makeBlock(seats, round, qc, { height: round, payloadRefs });
    chain.push(block);
    qc = makeQc(seats, round, round - 1, blockId(block));
    const contents = { payloads: held === undefined ? [] : [held], evidence: [] };
    const commit = { height: round, blockId: blockId(block), block, ...contents };
    server.archive(commit as unknown as Commit<null>);
  }
  const ask = (seat: number, ...indexes: number[]) =>
    server.answer(seat, { kind: 'want-payloads', ids: indexes.map((i) => payloads[i]!.id) });
  return { clock, server, chain, payloads, ask };
}

test('blocks come newest first, as many as were asked for and no more', () => {
  const { server, chain } = serving([], 100);
  const [answer] = server.answer(1, {
    kind: 'want-blocks',
    blockId: blockId(chain[79]!),
    count: 64,
  });
  assert.ok(answer?.kind === 'blocks');
  assert.deepEqual(
    answer.blocks.map(({ round }) => round),
    Array.from({ length: 64 }, (_, i) => 80 - i),
  );
});

test('what is not here is answered with "not found"', () => {
  const { server } = serving([1]);
  const missing = namedId('nobody has this');
  assert.deepEqual(server.answer(1, { kind: 'want-blocks', blockId: missing, count: 1 }), [
    { kind: 'blocks', blockId: missing, blocks: [] },
  ]);
  assert.deepEqual(server.answer(1, { kind: 'want-payloads', ids: [missing] }), [
    { kind: 'payload', id: missing },
  ]);
});

test('a peer that has drawn its bytes is answered no more until some come back', async () => {
  const { clock, ask } = serving(Array(5).fill(8 * MIB));
  assert.equal(ask(1, 0, 1, 2, 3).length, 4);
  assert.equal(ask(1, 4).length, 0, '32 MiB at once');
  assert.equal(ask(2, 4).length, 1, 'another peer has its own budget');
  await clock.advance(999);
  assert.equal(ask(1, 4).length, 0);
  await clock.advance(1);
  assert.equal(ask(1, 4).length, 1, '8 MiB come back each second');
  await clock.advance(3_600_000);
  assert.equal(ask(1, 0, 1, 2, 3, 4).length, 4, 'and never more than 32 MiB');
});

test('small questions are not free', () => {
  const { ask } = serving([1]);
  let answers = 0;
  for (let i = 0; i < 10_000; i++) answers += ask(1, 0).length;
  assert.equal(answers, (32 * MIB) / 4_096);
});

test('the archive is bounded: the oldest blocks and payloads go', () => {
  const { server, chain } = serving([], 4 * ERA_BLOCKS);
  // Heights begin at 1: the last block opens era 4, and eras 2 and 3 are kept beside it.
  assert.equal(server.hasBlock(toHex(blockId(chain[2 * ERA_BLOCKS - 2]!))), false);
  assert.equal(server.hasBlock(toHex(blockId(chain[2 * ERA_BLOCKS - 1]!))), true);
  const heavy = serving(Array(40).fill(8 * MIB));
  assert.equal(heavy.server.content(toHex(heavy.payloads[0]!.id)), undefined);
  assert.notEqual(heavy.server.content(toHex(heavy.payloads[39]!.id)), undefined);
});

test('a payload goes with the last block that refers to it, however small it is', () => {
  const { server, payloads } = serving(Array(4 * ERA_BLOCKS).fill(1));
  assert.equal(server.content(toHex(payloads[2 * ERA_BLOCKS - 2]!.id)), undefined);
  assert.notEqual(server.content(toHex(payloads[2 * ERA_BLOCKS - 1]!.id)), undefined);
});
