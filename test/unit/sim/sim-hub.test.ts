/** What the simulated network does to packets, each fault alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LinkFaults, PERFECT_LINKS } from '../../../src/sim/link-faults.ts';
import { SeededRandom } from '../../../src/sim/seeded-random.ts';
import { SimHub } from '../../../src/sim/sim-hub.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';

const SENT = 400;

function pair(faults: Partial<LinkFaults>) {
  const clock = new VirtualClock();
  const hub = new SimHub({ clock, random: new SeededRandom(5) }, { ...PERFECT_LINKS, ...faults });
  const [a, b] = [hub.join(), hub.join()];
  const got: number[] = [];
  b.handle('job', {
    message: (_, body) => got.push(body[0]! * 256 + body[1]!),
    request: async (_, body) => body,
  });
  const send = () => {
    for (let i = 0; i < SENT; i++) a.send(b.self, 'job', Uint8Array.of(i >> 8, i & 255));
  };
  return { clock, hub, a, b, got, send };
}

const inOrder = Array.from({ length: SENT }, (_, i) => i);

test('delay alone keeps the order', async () => {
  const { clock, got, send } = pair({ delayMsMin: 1, delayMsMax: 90 });
  send();
  assert.deepEqual(got, []);
  await clock.advance(90);
  assert.deepEqual(got, inOrder);
});

test('loss, repetition and reordering, as often as asked for', async () => {
  const delays = { delayMsMin: 1, delayMsMax: 90 };
  const lossy = pair({ ...delays, loss: 0.25 });
  const twice = pair({ ...delays, duplication: 0.25 });
  const mixed = pair({ ...delays, reorder: 1 });
  for (const { send, clock } of [lossy, twice, mixed]) {
    send();
    await clock.advance(100);
  }
  assert.ok(lossy.got.length > 250 && lossy.got.length < 350, `${lossy.got.length} arrived`);
  assert.ok(twice.got.length > 450 && twice.got.length < 550, `${twice.got.length} arrived`);
  assert.notDeepEqual(mixed.got, inOrder);
  assert.deepEqual(
    mixed.got.toSorted((x, y) => x - y),
    inOrder,
  );
});

test('a link blocked one way swallows; later both ends are told; it heals', async () => {
  const { clock, hub, a, b, got, send } = pair({ delayMsMin: 1, delayMsMax: 1 });
  const gone: string[] = [];
  await clock.run(a.request(b.self, 'job', Uint8Array.of(1)));
  a.onDisconnect((peer) => gone.push(peer));
  hub.block(a.self, b.self);
  send();
  const asked = a.request(b.self, 'job', Uint8Array.of(1), { timeoutMs: 500 });
  await assert.rejects(clock.run(asked), { code: 'PEER_UNREACHABLE' });
  assert.deepEqual([got, gone], [[], []]);
  await clock.advance(10_000);
  assert.deepEqual(gone, [b.self]);
  hub.unblockAll();
  assert.deepEqual(await clock.run(a.request(b.self, 'job', Uint8Array.of(7))), Uint8Array.of(7));
});

test('a machine that crashed hears nothing, even when another of its name runs', async () => {
  const { clock, hub, a, b, got, send } = pair({ delayMsMin: 5, delayMsMax: 5 });
  send();
  b.stop();
  const again = hub.join(b.self);
  again.handle('job', { message: () => assert.fail('sent to the one that crashed') });
  await clock.advance(10);
  assert.deepEqual(got, []);
  assert.equal(hub.isUp(b), false);
  assert.equal(hub.isUp(a), true);
});
