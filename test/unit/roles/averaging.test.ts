/**
 * Averaging over real composed nodes on a virtual clock: the same bits at every member and the mean
 * of all, whatever the tree, the codec and who is fast; and what happens when somebody is missing,
 * lies, or means something else.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AverageOptions } from '../../../src/sdk/average.ts';
import { bellValues } from '../../support/updates.ts';
import { VirtualSwarm } from '../../support/virtual-swarm.ts';

async function groupOf(count: number) {
  const swarm = await VirtualSwarm.start(0);
  const guests = [];
  for (let i = 0; i < count; i++) guests.push(await swarm.guest(40 + i));
  const members = guests.map(({ signer }) => signer.peerId);
  return { swarm, guests, members, swarms: guests.map((guest) => swarm.swarmOf(guest)) };
}

const ELEMENTS = 200_001;
const tensors = (count: number) => Array.from({ length: count }, (_, i) => bellValues(ELEMENTS, i));

async function averaged(count: number, options: Partial<AverageOptions>) {
  const { swarm, members, swarms } = await groupOf(count);
  const values = tensors(count);
  const all = swarms.map((one, i) =>
    one.average(values[i]!, { session: 'one', members, weight: 1 + i, ...options }),
  );
  const results = await swarm.run(Promise.all(all));
  const total = (count * (count + 1)) / 2;
  const expected = Array.from({ length: ELEMENTS }, (_, k) => {
    return values.reduce((sum, tensor, i) => sum + (1 + i) * tensor[k]!, 0) / total;
  });
  for (const { values: mean, weight } of results) {
    assert.equal(weight, total);
    assert.deepEqual(mean, results[0]!.values);
  }
  const errors = expected.map((value, k) => Math.abs(value - results[0]!.values[k]!));
  return { results, error: errors.reduce((most, one) => Math.max(most, one), 0) };
}

for (const topology of ['butterfly', 'ring', 'hierarchical'] as const) {
  test(`${topology}: the exact mean, the same bits for everybody`, async () => {
    const sites = [0, 1, 1, 0, 2];
    const { error, results } = await averaged(5, { topology, sites });
    assert.ok(error < 2 ** -23, `${error}`);
    const { results: other } = await averaged(5, { topology: 'butterfly' });
    assert.deepEqual(results[0]!.values, other[0]!.values);
  });
}

test('compressed: the same bits for everybody, a fraction of the bytes', async () => {
  const dense = await averaged(4, {});
  for (const [codec, error, share] of [
    ['q8', 0.05, 0.3],
    ['q4', 0.5, 0.15],
    ['qsgd', 2, 0.15],
  ] as const) {
    const compressed = await averaged(4, { codec });
    assert.ok(compressed.error < error, `${codec}: ${compressed.error}`);
    const [up, all] = [compressed.results[0]!.bytes.up, dense.results[0]!.bytes.up];
    assert.ok(up < share * all, `${codec}: ${up} of ${all}`);
  }
  // Means of sparse messages are not sparse: they travel whole.
  const sparse = await averaged(4, { codec: 'topk:keep=5%' });
  assert.ok(sparse.results[0]!.bytes.up < 0.7 * dense.results[0]!.bytes.up);
});

test('the next session follows what was measured in the one before', async () => {
  const { swarm, members, swarms } = await groupOf(3);
  const values = tensors(3);
  const round = (session: string) =>
    swarm.run(Promise.all(swarms.map((one, i) => one.average(values[i]!, { session, members }))));
  const first = await round('1');
  const second = await round('2');
  assert.ok(first.every(({ bytesPerSecond }) => bytesPerSecond > 0));
  assert.deepEqual(second[0]!.values, first[0]!.values);
});

test('one alone, one element, more members than pieces', async () => {
  for (const [count, length] of [
    [1, 3],
    [4, 1],
    [3, 65_537],
  ] as const) {
    const { swarm, members, swarms } = await groupOf(count);
    const value = new Float32Array(length).fill(0.5);
    const all = swarms.map((one) => one.average(value, { session: 's', members }));
    for (const { values } of await swarm.run(Promise.all(all))) assert.deepEqual(values, value);
  }
});

test('a member that never comes: the others are told in time, and who it was', async () => {
  const { swarm, members, swarms } = await groupOf(3);
  const values = new Float32Array(10);
  const options = { session: 's', members, timeoutMs: 5_000 };
  const two = swarms.slice(0, 2).map((one) => one.average(values, options));
  const results = await swarm.run(Promise.allSettled(two));
  for (const result of results) {
    assert.equal(result.status, 'rejected');
    assert.equal((result as PromiseRejectedResult).reason.code, 'TIMEOUT');
  }
});

test('members that mean something else never meet', async () => {
  const { swarm, members, swarms } = await groupOf(2);
  const values = new Float32Array(10);
  const options = { session: 's', members, timeoutMs: 5_000 };
  const all = [
    swarms[0]!.average(values, options),
    swarms[1]!.average(values, { ...options, codec: 'q8' }),
  ];
  const results = await swarm.run(Promise.allSettled(all));
  assert.deepEqual(
    results.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
});

test('what no averaging can be is refused before anybody is asked', async () => {
  const { members, swarms, swarm } = await groupOf(2);
  const values = new Float32Array(10);
  const base = { session: 's', members };
  const cases: readonly (readonly [string, Partial<AverageOptions>])[] = [
    ['USAGE', { members: [members[0]!, members[0]!] }],
    ['USAGE', { members: [members[1]!] }],
    ['USAGE', { members: [members[0]!, 'nobody'] }],
    ['USAGE', { weight: 0.5 }],
    ['USAGE', { session: 's'.repeat(257) }],
    ['USAGE', { topology: 'star' as 'ring' }],
    ['USAGE', { topology: 'hierarchical' }],
    ['USAGE', { sites: [1] }],
    ['USAGE', { fractionBits: 31 }],
    ['BAD_CODEC', { codec: 'q9' }],
  ];
  for (const [code, change] of cases) {
    const failed = swarms[0]!.average(values, { ...base, ...change });
    await swarm.run(assert.rejects(failed, { code }, JSON.stringify(change)));
  }
  const nothing = swarms[0]!.average(new Float32Array(0), base);
  await swarm.run(assert.rejects(nothing, { code: 'USAGE' }));
});

test('strangers get nothing, and malformed requests cost their sender', async () => {
  const { swarm, guests, members, swarms } = await groupOf(2);
  const stranger = await swarm.guest(60);
  const ask = (body: Uint8Array) =>
    stranger.network.request(members[0]!, 'average', body, { timeoutMs: 60_000 });
  await swarm.run(assert.rejects(ask(Uint8Array.of(1, 2, 3)), { code: 'PEER_REFUSED' }));
  const values = new Float32Array(10);
  const all = swarms.map((one) => one.average(values, { session: 's', members }));
  await swarm.run(Promise.all(all));
  assert.equal(guests.length, 2);
});
