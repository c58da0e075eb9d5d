/** What a simulated cadre orders: a list of texts, and a running hash over it as its root. */
import { concatBytes, utf8 } from '../../base/bytes.ts';
import { ZERO_DIGEST } from '../../base/ids.ts';
import { accept, type Checked, refuse } from '../../base/verdict.ts';
import type { Application, Payload } from '../../consensus/application.ts';
import { SNAPSHOT_BYTES_MAX } from '../../consensus/messages.ts';
import { sha256 } from '../../crypto/portable/hash.ts';
import { decodeCanonical, encodeCanonical } from '../../wire/cbor.ts';
import { list, struct, text } from '../../wire/shape.ts';

export interface Tally {
  readonly count: number;
  readonly texts: ReadonlySet<string>;
  readonly root: Uint8Array;
}

const TEXT_BYTES_MAX = 64;
const stateShape = struct({ texts: list(text(TEXT_BYTES_MAX), 1 << 20, 1) });

export const TALLY: Application<Tally> = {
  genesis: { count: 0, texts: new Set(), root: ZERO_DIGEST },
  execute: (state, payloads) => {
    if (payloads.length === 0)
      return accept({ state, stateRoot: state.root, resultsRoot: ZERO_DIGEST });
    const texts = new Set(state.texts);
    let { root } = state;
    for (const { id, value } of payloads) {
      if (texts.has(String(value))) return refuse('repeated');
      texts.add(String(value));
      root = sha256(concatBytes([root, id]));
    }
    const next = { count: state.count + payloads.length, texts, root };
    return accept({ state: next, stateRoot: root, resultsRoot: ZERO_DIGEST });
  },
  isFinal: () => false,
  select: (_, pending) => pending,
  snapshots: {
    encode: ({ texts }) => encodeCanonical({ texts: [...texts] }),
    decode: async (encoded) => {
      const decoded = decodeCanonical(encoded, stateShape, SNAPSHOT_BYTES_MAX);
      if (!decoded.ok) return decoded;
      return TALLY.execute(TALLY.genesis, decoded.value.texts.map(tallyPayload));
    },
  },
};

export function tallyPayload(text: string): Payload {
  const bytes = utf8(text);
  return { id: sha256(bytes), bytes, value: text };
}

export async function checkTallyPayload(bytes: Uint8Array): Promise<Checked<Payload>> {
  if (bytes.length > TEXT_BYTES_MAX) return refuse('text-too-long');
  return accept(tallyPayload(new TextDecoder().decode(bytes)));
}
