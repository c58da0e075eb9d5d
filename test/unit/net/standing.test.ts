import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KadreError } from '../../../src/base/errors.ts';
import { generateSigner } from '../../../src/crypto/node/keys.ts';
import { PeerStanding } from '../../../src/net/peer-standing.ts';
import { decodeRemoteError, encodeRemoteError } from '../../../src/net/remote-error.ts';
import { Slots } from '../../../src/net/slots.ts';
import { encodeCanonical } from '../../../src/wire/cbor.ts';

const make = (init = {}) => {
  const clock = { nowMs: 0, monotonicMs: () => clock.nowMs };
  return { clock, standing: new PeerStanding({ clock }, init) };
};

describe('peer standing', () => {
  it('denies after ten offences in a row, not after the same ten over an hour', () => {
    const { clock, standing } = make();
    for (let i = 0; i < 9; i++) assert.ok(!standing.book('quick', 'reject', 'why'));
    assert.ok(standing.book('quick', 'reject', 'why'));
    assert.ok(standing.isDenied('quick'));
    for (let i = 0; i < 60; i++) {
      clock.nowMs += 60_000;
      assert.ok(!standing.book('slow', 'reject', 'why'));
    }
  });

  it('ignores the harmless, bans the hostile, and forgives in time', () => {
    const { clock, standing } = make({ denyMs: 1000 });
    for (let i = 0; i < 1000; i++) assert.ok(!standing.book('x', 'ignore', 'why'));
    assert.ok(standing.book('x', 'ban', 'why'));
    clock.nowMs += 999;
    assert.ok(standing.isDenied('x'));
    assert.deepEqual(standing.denied(), [{ peer: 'x', reason: 'why', endsInMs: 1 }]);
    clock.nowMs += 1;
    assert.ok(!standing.isDenied('x'));
    assert.deepEqual(standing.denied(), []);
  });

  it('remembers a bounded number of peers, forgetting the longest quiet', () => {
    const { standing } = make({ peersMax: 3 });
    for (const peer of ['a', 'b', 'c']) standing.book(peer, 'ban', 'why');
    standing.book('a', 'reject', 'why');
    standing.book('d', 'ban', 'why');
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].map((peer) => standing.isDenied(peer)),
      [true, false, true, true],
    );
  });
});

describe('remote errors', () => {
  const peer = generateSigner().peerId;
  const travel = (cause: unknown) => decodeRemoteError(peer, encodeRemoteError(cause));

  it('keep a code about the request and drop one about the other machine', () => {
    assert.equal(travel(new KadreError({ code: 'UNKNOWN_KERNEL' }, 'm')).code, 'UNKNOWN_KERNEL');
    for (const code of ['DISK_FAILED', 'INTERRUPTED', 'CERTIFICATE_INVALID', 'PEER_MISBEHAVED']) {
      const error = travel(new KadreError({ code: code as 'DISK_FAILED' }, 'm'));
      assert.equal(error.code, 'PEER_REFUSED');
      assert.equal(error.data.remoteCode, code);
      assert.equal(error.peer, peer);
    }
  });

  it('cut long messages and never carry the text of a bug', () => {
    const long = travel(new KadreError({ code: 'PEER_REFUSED' }, 'x'.repeat(9999)));
    assert.equal(long.message.length, 512);
    assert.equal(travel(new TypeError('undefined is not a function')).message, 'internal error');
  });

  it('judge malformed bytes as misbehaviour', () => {
    for (const bad of [
      new Uint8Array(0),
      encodeCanonical({ code: 'A' }),
      encodeCanonical({ code: 'lower', message: '' }),
      encodeCanonical({ code: 'A', message: 'x'.repeat(513) }),
      encodeCanonical({ code: 'A', message: '', more: 1 }),
    ]) {
      assert.equal(decodeRemoteError(peer, bad).code, 'PEER_MISBEHAVED');
    }
    const unknown = decodeRemoteError(peer, encodeCanonical({ code: 'TO_STRING', message: '' }));
    assert.equal(unknown.code, 'PEER_REFUSED');
  });
});

describe('slots', () => {
  it('lets in at most the maximum, in order, and survives double release', async () => {
    const slots = new Slots(1);
    const order: string[] = [];
    const first = await slots.take();
    const second = slots.take().then((release) => {
      order.push('second');
      return release;
    });
    const gone = new AbortController();
    const aborted = slots.take(gone.signal);
    const third = slots.take().then((release) => {
      order.push('third');
      return release;
    });
    gone.abort();
    await assert.rejects(aborted, { code: 'INTERRUPTED' });
    assert.deepEqual(order, []);
    first();
    first();
    const releaseSecond = await second;
    assert.deepEqual(order, ['second']);
    releaseSecond();
    (await third)();
    assert.ok(slots.isIdle);
  });
});
