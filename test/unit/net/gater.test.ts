import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peerIdFromString } from '@libp2p/peer-id';
import { gaterOf } from '../../../src/net/gater.ts';
import { PeerStanding } from '../../../src/net/peer-standing.ts';
import { RELAY_LIMITS } from '../../../src/net/protocols.ts';
import { realClock } from '../../support/real-ports.ts';

const [HOSTILE, HONEST] = [
  '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp',
  '12D3KooWNLKi1zk5zjE4gNWXasAAHatgVZbqLBWySMnCR1RQAQt6',
].map((text) => peerIdFromString(text)) as [ReturnType<typeof peerIdFromString>, never];

function gate() {
  const clock = { ...realClock, nowMs: 0, monotonicMs: () => clock.nowMs };
  const standing = new PeerStanding({ clock });
  return { clock, standing, gater: gaterOf(standing, clock) };
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

test('one peer opens only so many relayed connections a minute, and others theirs', async () => {
  const { clock, gater } = gate();
  const opens = async () => !(await gater.denyOutboundRelayedConnection!(HOSTILE, HONEST));
  for (let i = 0; i < RELAY_LIMITS.connectionsPerMinute; i++) assert.ok(await opens());
  assert.ok(!(await opens()));
  assert.equal(await gater.denyOutboundRelayedConnection!(HONEST, HOSTILE), false);
  clock.nowMs += 60_000;
  assert.ok(await opens());
});
