/**
 * What consensus tests put around the real code: seats whose signatures are keyed hashes, so that
 * runs are fast and every key is at hand, and a toy ledger of texts.
 */
import { concatBytes, toHex, utf8 } from '../../../src/base/bytes.ts';
import { ZERO_DIGEST } from '../../../src/base/ids.ts';
import type { Logger, SignatureVerifier } from '../../../src/base/ports.ts';
import { accept, type Checked, refuse } from '../../../src/base/verdict.ts';
import type { Application, Payload } from '../../../src/consensus/application.ts';
import type { CadreSeats, Seat } from '../../../src/consensus/seats.ts';
import { sha256 } from '../../../src/crypto/portable/hash.ts';

/** Keyed hash in two halves: as long as a signature, and as deterministic. */
export function fakeSign(key: Uint8Array, message: Uint8Array): Uint8Array {
  const first = sha256(concatBytes([key, message]));
  return concatBytes([first, sha256(first)]);
}

export const fakeVerifier: SignatureVerifier = {
  verify: async (key, message, signature) => toHex(fakeSign(key, message)) === toHex(signature),
};

export const silentLog: Logger = { log: () => {} };

export function testSeats(seatCount: number, self: number, name = 'plan'): CadreSeats {
  const seats = Array.from({ length: seatCount }, (_, i): Seat => {
    const key = sha256(utf8(`${name} key ${i}`));
    return { nodeId: key, peerId: `seat-${i}`, key };
  });
  const planId = sha256(utf8(name));
  return { planId, epoch: 0, cadreRoot: sha256(utf8(`${name} cadre`)), seats, self };
}

/** A toy ledger: the ordered list of payload texts; final after `target` of them. */
export interface Tally {
  readonly texts: readonly string[];
  readonly root: Uint8Array;
}

export function tallyApplication(target: number): Application<Tally> {
  return {
    genesis: { texts: [], root: ZERO_DIGEST },
    execute: (state, payloads) => {
      let { root } = state;
      for (const payload of payloads) {
        if (String(payload.value).startsWith('bad')) return refuse('bad-payload');
        root = sha256(concatBytes([root, payload.id]));
      }
      const texts = [...state.texts, ...payloads.map((payload) => String(payload.value))];
      const resultsRoot = texts.length >= target ? root : ZERO_DIGEST;
      return accept({ state: { texts, root }, stateRoot: root, resultsRoot });
    },
    isFinal: (state) => state.texts.length >= target,
    select: (_, pending) => pending,
  };
}

export function textPayload(text: string): Payload {
  const bytes = utf8(text);
  return { id: sha256(bytes), bytes, value: text };
}

export async function checkTextPayload(bytes: Uint8Array): Promise<Checked<Payload>> {
  return accept(textPayload(new TextDecoder().decode(bytes)));
}
