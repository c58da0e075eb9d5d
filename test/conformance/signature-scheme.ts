/**
 * What every signature scheme of a cadre must do, whatever its arithmetic: one suite, run on the
 * list of Ed25519 signatures, on the BLS aggregate and on the simulator's fast signatures.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { utf8 } from '../../src/base/bytes.ts';
import type { SignatureScheme } from '../../src/crypto/portable/signature-scheme.ts';

export interface SchemeSigner {
  readonly publicKey: Uint8Array;
  readonly proof: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

export interface SchemeUnderTest {
  readonly scheme: SignatureScheme;
  /** A signer from 32 bytes, always the same. */
  signer(seed: Uint8Array): SchemeSigner;
  close?(): Promise<void>;
}

const SEATS = 7;
const message = utf8('what is signed');

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
}

export function schemeConformance(name: string, made: SchemeUnderTest): void {
  const { scheme } = made;
  const signers = Array.from({ length: SEATS }, (_, i) =>
    made.signer(new Uint8Array(32).fill(i + 1)),
  );
  const signed = (text: (i: number) => Uint8Array) =>
    signers.map(({ publicKey }, i) => ({ key: publicKey, message: text(i) }));
  const joined = (text: (i: number) => Uint8Array) =>
    scheme.join(signers.map((signer, i) => signer.sign(text(i))));
  after(() => made.close?.());

  test(`${name}: sizes are what it says`, () => {
    for (const { publicKey, proof, sign } of signers) {
      assert.equal(publicKey.length, scheme.keyBytes);
      assert.equal(proof.length, scheme.proofBytes);
      assert.equal(sign(message).length, scheme.signatureBytes);
    }
    assert.equal(joined(() => message).length, scheme.joinedBytes(SEATS));
    assert.deepEqual(signers[0]!.sign(message), signers[0]!.sign(message), 'deterministic');
  });

  test(`${name}: a signature holds for its key and message alone`, async () => {
    const [a, b] = [signers[0]!, signers[1]!];
    const signature = a.sign(message);
    assert.ok(await scheme.verify(a.publicKey, message, signature));
    assert.ok(!(await scheme.verify(b.publicKey, message, signature)));
    assert.ok(!(await scheme.verify(a.publicKey, utf8('another'), signature)));
    for (const at of [0, 20, signature.length - 1]) {
      assert.ok(!(await scheme.verify(a.publicKey, message, flipped(signature, at))));
    }
  });

  test(`${name}: what is malformed is refused, not thrown`, async () => {
    const { publicKey, sign } = signers[0]!;
    const signature = sign(message);
    for (const wrong of [new Uint8Array(0), signature.subarray(1), new Uint8Array(500)]) {
      assert.ok(!(await scheme.verify(publicKey, message, wrong)));
      assert.ok(!(await scheme.verify(wrong, message, signature)));
      assert.ok(!(await scheme.verifyJoined([{ key: publicKey, message }], wrong)));
    }
    for (const byte of [0, 0xc0, 0xff]) {
      const filled = new Uint8Array(scheme.signatureBytes).fill(byte, 0, 1);
      assert.ok(!(await scheme.verify(publicKey, message, filled)), 'infinity and non-points');
    }
  });

  test(`${name}: a certificate holds for exactly its signers and what each signed`, async () => {
    const same = joined(() => message);
    assert.ok(
      await scheme.verifyJoined(
        signed(() => message),
        same,
      ),
    );
    const each = (i: number) => utf8(`timeout ${i % 3}`);
    assert.ok(await scheme.verifyJoined(signed(each), joined(each)), 'messages of their own');
    assert.ok(!(await scheme.verifyJoined(signed(() => message).slice(1), same)));
    assert.ok(!(await scheme.verifyJoined([], same)));
    assert.ok(
      !(await scheme.verifyJoined(
        signed(() => utf8('another')),
        same,
      )),
    );
    assert.ok(
      !(await scheme.verifyJoined(
        signed((i) => each(i + 1)),
        joined(each),
      )),
    );
    assert.ok(
      !(await scheme.verifyJoined(
        signed(() => message),
        flipped(same, 9),
      )),
    );
  });

  test(`${name}: of many at once the wrong ones are told apart`, async () => {
    const checks = signers.map(({ publicKey, sign }, i) => {
      const signature = sign(message);
      return scheme.verify(publicKey, message, i === 3 ? signers[4]!.sign(message) : signature);
    });
    const expected = signers.map((_, i) => i !== 3);
    assert.deepEqual(await Promise.all(checks), expected);
  });

  test(`${name}: two wrong signatures that add up do not pass for right ones`, async () => {
    const [a, b] = [signers[0]!, signers[1]!];
    const swapped = await Promise.all([
      scheme.verify(a.publicKey, message, b.sign(message)),
      scheme.verify(b.publicKey, message, a.sign(message)),
    ]);
    assert.deepEqual(swapped, [false, false]);
  });

  test(`${name}: keys are admitted with their own proof alone`, () => {
    const [a, b] = [signers[0]!, signers[1]!];
    assert.ok(scheme.admits(a.publicKey, a.proof));
    assert.ok(!scheme.admits(a.publicKey, new Uint8Array(scheme.proofBytes + 1)));
    assert.ok(!scheme.admits(new Uint8Array(scheme.keyBytes), a.proof), 'the neutral element');
    assert.ok(!scheme.admits(a.publicKey.subarray(1), a.proof));
    if (scheme.proofBytes === 0) return;
    assert.ok(!scheme.admits(a.publicKey, b.proof));
    assert.ok(!scheme.admits(a.publicKey, a.sign(a.publicKey)), 'a proof has a domain of its own');
  });
}
