/** The golden bytes of docs/protocol/advert.md. */
import assert from 'node:assert/strict';
import { createHash, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { nodeIdOf, publicKeyOf } from '../../src/base/ids.ts';
import { signerFromSeed } from '../../src/crypto/node/keys.ts';
import { checkAdmission } from '../../src/swarm/admission.ts';
import { checkAdvert } from '../../src/swarm/check-advert.ts';
import { capabilityClasses, signAdvert } from '../../src/swarm/own-advert.ts';
import { freezeRoster, isInRoster } from '../../src/swarm/roster.ts';
import { encodeCanonical } from '../../src/wire/cbor.ts';

const golden = JSON.parse(readFileSync(new URL('advert.json', import.meta.url), 'utf8'));
const rules = { network: golden.network, wallMs: golden.wallMs, known: golden.knownSequence };
/** What DER puts before a raw Ed25519 key. */
const ED25519_SPKI = Buffer.from('302a300506032b6570032100', 'hex');
const bytesOf = (hex: string) => fromHex(hex)!;

test('the good advert: same bytes, same signature, same classes', () => {
  const checked = checkAdvert(bytesOf(golden.good.signed), rules);
  assert.ok(checked.ok);
  const { advert, signature } = checked.value;
  assert.equal(toHex(encodeCanonical(advert)), golden.good.advert);
  assert.equal(toHex(signature), golden.good.signature);
  const signer = signerFromSeed(bytesOf(golden.good.seed));
  assert.equal(signer.peerId, golden.good.peer);
  assert.deepEqual(signAdvert(signer, advert), checked.value);
  assert.deepEqual(capabilityClasses(advert), golden.good.classes);
});

for (const { reason, signed } of golden.bad) {
  test(`refused: ${reason}`, () => {
    const checked = checkAdvert(bytesOf(signed), rules);
    assert.equal(checked.ok ? 'accepted' : checked.reason, reason);
  });
}

test('the roster: order, root and every inclusion path', () => {
  const adverts = golden.roster.adverts.map((hex: string) => {
    const checked = checkAdvert(bytesOf(hex), rules);
    assert.ok(checked.ok);
    return checked.value;
  });
  const frozen = freezeRoster(adverts.toReversed());
  assert.ok(frozen.ok);
  assert.equal(toHex(frozen.value.root), golden.roster.root);
  assert.deepEqual(frozen.value.adverts, adverts);
  for (const [index, path] of golden.roster.paths.entries()) {
    const proof = { advert: adverts[index], index, count: adverts.length, path: path.map(bytesOf) };
    assert.ok(isInRoster(frozen.value.root, proof));
  }
});

test('admissions: the same invitation, and proofs that hold by the words of the page', () => {
  const { node, authority, invitation, bits, puzzle } = golden.admissions;
  const subject = encodeCanonical({ network: golden.network, node: bytesOf(node) });
  const tagged = (tag: string) => Buffer.concat([Buffer.from(`${tag}\0`), subject]);
  const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();
  const holds = verify(
    null,
    tagged('kadre/sign/invitation/1'),
    {
      key: Buffer.concat([ED25519_SPKI, publicKeyOf(nodeIdOf(authority)!)!]),
      format: 'der',
      type: 'spki',
    },
    bytesOf(invitation),
  );
  assert.ok(holds);
  const digest = sha256(Buffer.concat([sha256(tagged('kadre/puzzle/1')), bytesOf(puzzle)]));
  assert.equal(digest.readUInt32BE() >>> (32 - bits), 0);
  const rules = [
    { rule: { kind: 'invite', authority }, proof: invitation },
    { rule: { kind: 'open', bits }, proof: puzzle },
  ] as const;
  for (const { rule, proof } of rules) {
    const shown = { kind: rule.kind, proof: bytesOf(proof) };
    assert.equal(checkAdmission(rule, golden.network, bytesOf(node), shown), undefined);
  }
});
