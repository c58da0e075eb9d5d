import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MultiaddrConnection } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import { multiaddr } from '@multiformats/multiaddr';
import { FROM_ONE_PLACE_MAX } from '../../../src/net/crowding.ts';
import { gaterOf } from '../../../src/net/gater.ts';
import { PeerStanding } from '../../../src/net/peer-standing.ts';
import { RELAY_LIMITS } from '../../../src/net/protocols.ts';
import { realClock } from '../../support/real-ports.ts';

const [HOSTILE, HONEST] = [
  '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp',
  '12D3KooWNLKi1zk5zjE4gNWXasAAHatgVZbqLBWySMnCR1RQAQt6',
].map((text) => peerIdFromString(text)) as [ReturnType<typeof peerIdFromString>, never];

function gate() {
  const open: string[] = [];
  const clock = { ...realClock, nowMs: 0, monotonicMs: () => clock.nowMs };
  const standing = new PeerStanding({ clock });
  return { clock, standing, gater: gaterOf({ standing, clock, open: () => open }), open };
}

test('a denied peer is neither dialled, let in, nor relayed for', async () => {
  const { standing, gater } = gate();
  standing.book(String(HOSTILE), 'ban', 'why');
  for (const [peer, expected] of [
    [HOSTILE, true],
    [HONEST, false],
  ] as const) {
    assert.equal(await gater.denyDialPeer!(peer), expected);
    assert.equal(await gater.denyInboundRelayReservation!(peer), expected);
    assert.equal(await gater.denyOutboundRelayedConnection!(peer, HONEST), expected);
  }
});

test('a crowd from one place is turned away before and after the handshake', async () => {
  const { gater, open } = gate();
  const connection = { remoteAddr: multiaddr('/ip4/8.8.8.8/tcp/4001') } as MultiaddrConnection;
  const answers = async () => [
    await gater.denyInboundConnection!(connection),
    await gater.denyInboundEncryptedConnection!(HONEST, connection),
  ];
  assert.deepEqual(await answers(), [false, false]);
  for (let i = 0; i < FROM_ONE_PLACE_MAX; i++) open.push(`/ip4/8.8.8.8/tcp/${i + 1}`);
  assert.deepEqual(await answers(), [true, true]);
});

test('one peer opens only so many relayed connections a minute, and others theirs', async () => {
  const { clock, gater } = gate();
  const opens = async () => !(await gater.denyOutboundRelayedConnection!(HOSTILE, HONEST));
  for (let i = 0; i < RELAY_LIMITS.connectionsPerMinute; i++) assert.ok(await opens());
  assert.ok(!(await opens()));
  assert.equal(await gater.denyOutboundRelayedConnection!(HONEST, HOSTILE), false);
  clock.nowMs += 60_000;
  assert.ok(await opens());
});
