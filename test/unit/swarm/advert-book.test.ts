import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdvertBook } from '../../../src/swarm/advert-book.ts';
import { encodeCanonical } from '../../../src/wire/cbor.ts';
import { ISSUED_MS, NETWORK, StillClock, signedOf, signerNumber } from '../../support/adverts.ts';

const HOUR_MS = 3_600_000;

function bookOf(peersMax = 4) {
  const clock = new StillClock();
  return { clock, book: new AdvertBook({ clock }, { network: NETWORK, peersMax }) };
}

const bytesOf = (number: number, change: Parameters<typeof signedOf>[1] = {}) =>
  encodeCanonical(signedOf(signerNumber(number), change));
const reason = (checked: { ok: boolean; reason?: string }) =>
  checked.ok ? 'accepted' : checked.reason;

test('holds the newest advert of a peer; older and equally numbered ones are replays', () => {
  const { book } = bookOf();
  const { peerId } = signerNumber(1);
  assert.equal(reason(book.offer(bytesOf(1))), 'accepted');
  assert.equal(reason(book.offer(bytesOf(1, { sequence: ISSUED_MS + 1 }))), 'accepted');
  assert.equal(book.get(peerId)?.advert.sequence, ISSUED_MS + 1);
  assert.equal(reason(book.offer(bytesOf(1))), 'replayed');
  const twin = bytesOf(1, { sequence: ISSUED_MS + 1, software: 'other' });
  assert.equal(reason(book.offer(twin)), 'replayed');
  assert.equal(book.size, 1);
});

test('the very bytes it holds are accepted again without another signature check', () => {
  const { book } = bookOf();
  const first = book.offer(bytesOf(1));
  const again = book.offer(bytesOf(1));
  assert.ok(first.ok && again.ok && first.value === again.value);
  assert.equal(book.signatureChecks, 1);
});

test('a roster of known adverts costs no signature checks, also of ones outrun since', () => {
  const { book } = bookOf();
  for (const number of [1, 2, 3]) book.offer(bytesOf(number));
  book.offer(bytesOf(1, { sequence: ISSUED_MS + 1 }));
  const before = book.signatureChecks;
  for (const number of [1, 2, 3]) assert.ok(book.check(signedOf(signerNumber(number))).ok);
  assert.equal(book.signatureChecks, before);
  assert.ok(book.check(signedOf(signerNumber(4))).ok);
  assert.equal(book.signatureChecks, before + 1);
  assert.equal(book.get(signerNumber(4).peerId), undefined);
});

test('a verified statement still expires', () => {
  const { book, clock } = bookOf();
  book.offer(bytesOf(1));
  clock.nowMs += HOUR_MS;
  assert.equal(reason(book.check(signedOf(signerNumber(1)))), 'accepted', 'in a roster it serves');
  clock.nowMs += 24 * 3_600_000;
  assert.equal(reason(book.check(signedOf(signerNumber(1)))), 'expired');
  assert.equal(reason(book.offer(bytesOf(1))), 'expired');
  assert.equal(book.get(signerNumber(1).peerId), undefined);
  assert.deepEqual(book.all(), []);
});

test('refusals hold nothing and are not remembered as verified', () => {
  const { book } = bookOf();
  const signed = signedOf(signerNumber(1));
  const forged = { ...signed, signature: new Uint8Array(64) };
  assert.equal(reason(book.check(forged)), 'bad-signature');
  assert.equal(reason(book.check(forged)), 'bad-signature');
  assert.equal(reason(book.offer(encodeCanonical(forged))), 'bad-signature');
  const other = { expect: signerNumber(2).nodeId };
  assert.equal(reason(book.offer(encodeCanonical(signed), other)), 'wrong-node');
  assert.equal(reason(book.offer(new Uint8Array(20_000))), 'too-large');
  assert.equal(book.size, 0);
});

test('when full, all expired ones go; without any, the one held longest', () => {
  const { book, clock } = bookOf(3);
  const soon = { expiresMs: ISSUED_MS + 1000 };
  book.offer(bytesOf(1));
  book.offer(bytesOf(2, soon));
  book.offer(bytesOf(3));
  clock.nowMs += 1000;
  book.offer(bytesOf(4));
  const held = (number: number) => book.get(signerNumber(number).peerId) !== undefined;
  assert.deepEqual([1, 2, 3, 4].map(held), [true, false, true, true]);
  book.offer(bytesOf(1, { sequence: ISSUED_MS + 5 }));
  book.offer(bytesOf(5));
  assert.deepEqual([1, 3, 4, 5].map(held), [true, false, true, true], 'renewed ones stay');
  assert.equal(book.size, 3);
});

test('what was verified is forgotten at the bound, the longest unused first', () => {
  const { book } = bookOf(1);
  for (const number of [1, 2, 1, 3]) book.check(signedOf(signerNumber(number)));
  assert.equal(book.signatureChecks, 3);
  book.check(signedOf(signerNumber(1)));
  assert.equal(book.signatureChecks, 3);
  book.check(signedOf(signerNumber(2)));
  assert.equal(book.signatureChecks, 4);
});

test('finds by kernel and by role', () => {
  const { book } = bookOf();
  book.offer(bytesOf(1));
  book.offer(bytesOf(2, { roles: ['cadre'] }));
  book.offer(bytesOf(3, { kernels: [] }));
  const offers = book.byKernel('gemm.f32@1');
  assert.deepEqual(
    offers.map(({ signed, kernel }) => [signed.advert.node, kernel.speed]),
    [[signerNumber(1).nodeId, 20_000_000_000]],
  );
  assert.equal(book.byRole('cadre').length, 3);
  assert.deepEqual(book.byKernel('gemm.f32@2'), []);
  book.forget(signerNumber(1).peerId);
  assert.deepEqual(book.byKernel('gemm.f32@1'), []);
});
