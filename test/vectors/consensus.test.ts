/** The golden bytes of docs/protocol/consensus.md: accepted ones, and refusals by their reason. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import {
  decodeEvidence,
  encodeEvidence,
  holdEvidence,
  proofOf,
} from '../../src/consensus/evidence.ts';
import { leaderOrder } from '../../src/consensus/leader.ts';
import { blockId, decodeMessage, encodeMessage } from '../../src/consensus/messages.ts';
import { genesisId } from '../../src/consensus/seats.ts';
import { checksOf, type Electorate, signedPart } from '../../src/consensus/signature-checks.ts';
import { verifyEd25519 } from '../../src/crypto/portable/ed25519.ts';

const golden = JSON.parse(readFileSync(new URL('consensus.json', import.meta.url), 'utf8'));
const domain = {
  planId: fromHex(golden.planId)!,
  epoch: golden.epoch as number,
  cadreRoot: fromHex(golden.cadreRoot)!,
};
const keys: Uint8Array[] = golden.keys.map(fromHex);
const electorate: Electorate = {
  ...domain,
  self: 1,
  seats: keys.map((key) => ({ nodeId: key, peerId: toHex(key), key })),
  order: golden.leaderOrder,
};

/** The reason for which a message from a seat is refused; undefined when all of it holds. */
function reasonOf(bytes: Uint8Array, from: number): string | undefined {
  const decoded = decodeMessage(bytes);
  if (!decoded.ok) return decoded.reason;
  const message = decoded.value;
  const { kind } = message;
  const isChecked =
    kind === 'proposal' ||
    kind === 'vote' ||
    kind === 'timeout' ||
    kind === 'commit' ||
    kind === 'sync';
  if (!isChecked) return undefined;
  const checks = checksOf(electorate, message, from);
  if (!checks.ok) return checks.reason;
  const holds = checks.value.every(
    (check) =>
      'signature' in check && verifyEd25519(keys[check.seat]!, check.message, check.signature),
  );
  return holds ? undefined : 'bad-signature';
}

test('genesis, leader order and block ids', () => {
  assert.equal(toHex(genesisId(domain)), golden.genesisId);
  assert.deepEqual(leaderOrder(domain, keys.length), golden.leaderOrder);
  const ids = golden.messages.flatMap(({ bytes }: { bytes: string }) => {
    const message = decodeMessage(fromHex(bytes)!);
    return message.ok && message.value.kind === 'proposal'
      ? [toHex(blockId(message.value.block))]
      : [];
  });
  assert.deepEqual(ids, golden.blockIds);
});

for (const { name, bytes } of golden.messages) {
  test(`${name} is accepted and encodes to the same bytes`, () => {
    const message = decodeMessage(fromHex(bytes)!);
    assert.ok(message.ok);
    assert.equal(toHex(encodeMessage(message.value)), bytes);
    const signed = golden.signed.find((entry: { name: string }) => entry.name === name);
    assert.equal(reasonOf(fromHex(bytes)!, signed?.seat ?? 0), undefined);
    if (signed === undefined) return;
    const part = signedPart(domain, message.value as Parameters<typeof signedPart>[1]);
    assert.equal(toHex(part.message), signed.signedBytes);
  });
}

for (const { name, fault, id, bytes } of golden.evidence) {
  test(`evidence: ${name}`, () => {
    const evidence = decodeEvidence(fromHex(bytes)!);
    assert.ok(evidence.ok);
    assert.equal(toHex(encodeEvidence(evidence.value)), bytes);
    const proof = proofOf(electorate, evidence.value);
    assert.ok(proof.ok);
    assert.equal(proof.value.fault, fault);
    assert.equal(holdEvidence(domain, evidence.value, fault).key, id);
    for (const { seat, message, signature } of proof.value.checks) {
      assert.ok(verifyEd25519(keys[seat]!, message, signature));
    }
  });
}

for (const { reason, from, bytes } of golden.refused) {
  test(`refused: ${reason} (${bytes.length / 2} bytes)`, () => {
    assert.equal(reasonOf(fromHex(bytes)!, from), reason);
  });
}

test('no flipped byte of a signed message is accepted', () => {
  for (const { name, seat } of golden.signed) {
    const { bytes } = golden.messages.find((entry: { name: string }) => entry.name === name);
    const whole = fromHex(bytes)!;
    // Every byte of the short ones, every seventh of the long ones.
    for (let i = 0; i < whole.length; i += whole.length > 400 ? 7 : 1) {
      const copy = new Uint8Array(whole);
      copy[i]! ^= 0x01;
      assert.notEqual(reasonOf(copy, seat), undefined, `${name}, byte ${i}`);
    }
  }
});
