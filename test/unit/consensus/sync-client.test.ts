/** Fetching what a replica lacks: whom it asks, how long it waits, what it takes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../../../src/base/bytes.ts';
import type { Digest } from '../../../src/base/ids.ts';
import { blockId, type Message } from '../../../src/consensus/messages.ts';
import { genesisQc } from '../../../src/consensus/seats.ts';
import { SyncClient } from '../../../src/consensus/sync-client.ts';
import type { Block, Qc } from '../../../src/consensus/types.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';
import { seededRandom } from '../../support/virtual-swarm.ts';
import { electorate, makeBlock, makeQc } from './fixtures.ts';

const seats = electorate(7);
const GENESIS = toHex(genesisQc(seats).blockId);

/** A chain of blocks, oldest first. */
function chainOf(count: number): Block[] {
  const chain: Block[] = [];
  let qc: Qc = genesisQc(seats);
  for (let round = 1; round <= count; round++) {
    const block = makeBlock(seats, round, qc, { height: round });
    chain.push(block);
    qc = makeQc(seats, round, round - 1, blockId(block));
  }
  return chain;
}

function fetching(seed = 1) {
  const clock = new VirtualClock();
  const asked: { seat: number; atMs: number; message: Message }[] = [];
  const held = new Set([GENESIS]);
  const handedIn: number[] = [];
  const state = { pastRound: 0 };
  const gaps: number[] = [];
  const client = new SyncClient({
    clock,
    random: seededRandom(seed),
    others: [1, 2, 3, 4, 5, 6],
    send: (seat, message) => asked.push({ seat, atMs: clock.monotonicMs(), message }),
    hasBlock: (key) => held.has(key),
    hasPayload: () => false,
    onGap: (headers) => void gaps.push(headers.length),
    isPast: (round) => round <= state.pastRound,
    checkPayload: () => assert.fail('no payload comes'),
    onBlock: (block) => {
      handedIn.push(block.round);
      held.add(toHex(blockId(block)));
    },
    onPayload: () => {},
  });
  const answer = (id: Digest, blocks: readonly Block[]) =>
    client.onBlocks({ kind: 'blocks', blockId: id, blocks });
  return { clock, client, asked, held, handedIn, gaps, state, answer };
}

const tipOf = (chain: readonly Block[]): Digest => blockId(chain.at(-1)!);

test('signers of the certificate are asked first, in random order, then everyone else', async () => {
  const first = new Set<number>();
  for (let seed = 1; seed <= 12; seed++) {
    const { client, clock, asked } = fetching(seed);
    client.fetchBlock(tipOf(chainOf(1)), [2, 4, 5]);
    await clock.advance(60_000);
    client.stop();
    const order = asked.map(({ seat }) => seat);
    assert.deepEqual(new Set(order.slice(0, 3)), new Set([2, 4, 5]));
    assert.deepEqual(new Set(order.slice(0, 6)), new Set([1, 2, 3, 4, 5, 6]));
    first.add(order[0]!);
  }
  assert.ok(first.size > 1, 'not always the same signer');
});

test('each try waits longer, from 200 ms to 2 s, and goes on', async () => {
  const { client, clock, asked } = fetching();
  client.fetchBlock(tipOf(chainOf(1)), [1]);
  await clock.advance(120_000);
  const waits = asked.slice(1).map(({ atMs }, i) => atMs - asked[i]!.atMs);
  assert.deepEqual(waits.slice(0, 9), [200, 400, 800, 1_600, 2_000, 2_000, 2_000, 2_000, 2_000]);
  client.stop();
  assert.equal(clock.pending, 0);
});

test('a long way is walked back 64 blocks at a time, and handed in oldest first', async () => {
  const { client, clock, asked, handedIn, answer } = fetching();
  const chain = chainOf(150);
  client.fetchBlock(tipOf(chain), [3]);
  for (let known = chain.length; known > 0; known -= 64) {
    await clock.advance(20);
    const { message } = asked.at(-1)!;
    assert.ok(message.kind === 'want-blocks' && message.count === 64);
    assert.deepEqual(message.blockId, blockId(chain[known - 1]!));
    const blocks = chain.slice(Math.max(0, known - 64), known).toReversed();
    assert.ok(answer(message.blockId, blocks).ok);
  }
  for (let i = 0; i < 150; i++) client.advance();
  assert.deepEqual(
    handedIn,
    chain.map(({ round }) => round),
  );
  await clock.advance(60_000);
  assert.deepEqual([asked.length, clock.pending], [3, 0]);
});

test('an answer that brings blocks starts the waiting anew; "not found" asks the next', async () => {
  const { client, clock, asked, answer } = fetching();
  const chain = chainOf(3);
  client.fetchBlock(tipOf(chain), [1, 2]);
  await clock.advance(20);
  answer(tipOf(chain), []);
  assert.equal(asked.length, 2);
  assert.notEqual(asked[0]!.seat, asked[1]!.seat);
  answer(tipOf(chain), [chain[2]!]);
  assert.equal(asked.length, 3);
  await clock.advance(200);
  assert.equal(asked.length, 4);
  client.stop();
});

test('blocks that are not the ones asked for are refused, whoever sends them', async () => {
  const { client, clock, handedIn, answer } = fetching();
  const chain = chainOf(3);
  client.fetchBlock(tipOf(chain), [1]);
  await clock.advance(20);
  const other = makeBlock(seats, 9, genesisQc(seats));
  const refused = answer(tipOf(chain), [chain[2]!, other]);
  assert.ok(!refused.ok && refused.reason === 'block-link');
  assert.ok(answer(blockId(other), [other]).ok, 'an answer to nothing is nothing');
  assert.deepEqual(handedIn, []);
  client.stop();
});

test('what leads below the final chain is given up', async () => {
  const { client, clock, state, answer, asked } = fetching();
  const chain = chainOf(5);
  state.pastRound = 3;
  client.fetchBlock(tipOf(chain), [1]);
  await clock.advance(20);
  answer(tipOf(chain), [chain[4]!, chain[3]!]);
  await clock.advance(60_000);
  assert.deepEqual([asked.length, clock.pending], [1, 0]);
});

test('at most 64 fetches are under way: the oldest gives way', async () => {
  const { client, clock, asked } = fetching();
  const chain = chainOf(70);
  for (const block of chain) client.fetchBlock(blockId(block), [1]);
  await clock.advance(20);
  assert.equal(asked.length, 64);
  const wanted = asked.map(({ message }) => message.kind === 'want-blocks' && message.blockId);
  assert.deepEqual(wanted[0], blockId(chain[6]!));
  client.stop();
  assert.equal(clock.pending, 0);
});
