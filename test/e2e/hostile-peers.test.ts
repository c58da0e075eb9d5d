/**
 * A node of the shipped binary under siege: every attack at once, under ever new identities, while
 * it goes on running certified jobs with an honest peer, within its memory.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Host } from '../../src/net/host.ts';
import { ATTACKS, besiege, strangerOf, type Victim } from '../support/hostile-peers.ts';
import { type JsonObject, Workplace } from '../support/workplace.ts';

const place = new Workplace();
const LOOPBACK = ['--network', 'local', '--listen', '/ip4/127.0.0.1/tcp/0', '--no-gpu'];
/** Idle it has some 125 MiB; what its queues hold of strangers, and garbage, come on top. */
const RESIDENT_BYTES_MAX = 512 * 2 ** 20;
const JOBS = 6;

test('under siege a node stays within its memory and keeps serving', async (t) => {
  const { ready } = await place.up([...LOOPBACK, '--data', place.path('victim')]);
  const victim: Victim = { networkId: 'local', address: String((ready.addrs as string[])[0]) };
  const friend = await place.up([
    ...[...LOOPBACK, '--data', place.path('friend'), '--bootstrap', victim.address],
  ]);
  const target = ['--api', String(ready.api)];
  const run = async () => {
    const policy = ['--replicas', '2', '--cadre', '2', '--shards', '16', '--reuse', 'off'];
    const ran = await place.json(['run', 'noop@1', ...policy, ...target]);
    assert.equal(ran.status, 0, JSON.stringify(ran.object));
    return ran.object;
  };
  await run();
  // Found and asked like workers: one replays the friend's advert, one sends garbage, one nothing.
  const { object: caps } = await place.json(['caps', '--data', place.path('friend')]);
  assert.equal((caps.advert as { node: string }).node, friend.ready.peerId);
  let heard: Uint8Array = new Uint8Array(0);
  const impostors = await Promise.all([
    strangerOf(victim, () => heard),
    strangerOf(victim, () => new Uint8Array(20_000)),
    strangerOf(victim),
  ]);
  const [replayer] = impostors as [Host, ...Host[]];
  const friendId = String(friend.ready.peerId);
  await replayer.network.addAddresses(friendId, friend.ready.addrs as string[]);
  heard = await replayer.network.request(friendId, 'advert', new Uint8Array(0));
  await Promise.all(
    impostors.map((host) =>
      host.directory.announce(['role/worker', 'kernel/noop@1']).catch(() => 0),
    ),
  );
  const siege = new AbortController();
  const sieges = Object.entries(ATTACKS).map(async ([name, attack]) => {
    return [name, await besiege(attack, victim, siege.signal)] as const;
  });
  let most = 0;
  for (let job = 0; job < JOBS; job++) {
    const done = await run();
    assert.deepEqual(Object.keys(done.workers as JsonObject).length, 2);
    const { object } = await place.json(['status', ...target]);
    most = Math.max(most, (object.memory as { rssBytes: number }).rssBytes);
  }
  siege.abort();
  const rounds = Object.fromEntries(await Promise.all(sieges));
  await Promise.all(impostors.map((host) => host.stop()));
  for (const [name, count] of Object.entries(rounds)) assert.ok(count > 0, `${name}: no round`);
  assert.ok(most < RESIDENT_BYTES_MAX, `${(most / 2 ** 20).toFixed(0)} MiB resident`);
  const { object } = await place.json(['status', ...target]);
  const denied = object.denied as { reason: string; endsInMs: number }[];
  assert.ok(denied.length > 0, 'nobody was shut out');
  assert.ok(denied.every(({ reason, endsInMs }) => reason !== '' && endsInMs <= 600_000));
  const reasons = [...new Set(denied.map(({ reason }) => reason))].join(', ');
  t.diagnostic(`at most ${(most / 2 ** 20).toFixed(0)} MiB, ${denied.length} shut out: ${reasons}`);
});
