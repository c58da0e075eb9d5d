/** Checks in the same turn: virtual time would run on while another thread computes. */
import type { SignatureVerifier } from '../../src/base/ports.ts';
import { verifyEd25519 } from '../../src/crypto/portable/ed25519.ts';

export const promptVerifier: SignatureVerifier = {
  verify: async (key, message, signature) => verifyEd25519(key, message, signature),
};
