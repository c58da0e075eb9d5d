/** Decoders of averagings: what members say to each other, and the pieces that travel. */
import {
  addPiece,
  decodeMean,
  encodeMean,
  encodeOwn,
  encodeSums,
  type PieceCoding,
} from '../../../src/federated/averaging/piece.ts';
import { codecOf, parseCodec } from '../../../src/federated/codec/codec-spec.ts';
import {
  type AverageRequest,
  decodeAverage,
  decodeHello,
  encodeAverage,
} from '../../../src/roles/averaging/average-messages.ts';
import { bellValues } from '../updates.ts';
import { type Decoder, outcomeOf } from './decoder.ts';

const ELEMENTS = 300;

const codingOf = (text: string | undefined): PieceCoding => ({
  codec: text === undefined ? undefined : codecOf(parseCodec(text)),
  isDense: true,
  fractionBits: 24,
  seed: new Uint8Array(32),
  ditherKey: () => new Uint8Array(32),
});

export function averagingDecoders(): Decoder[] {
  const session = new Uint8Array(32).fill(3);
  const requests: AverageRequest[] = [
    { t: 'hello', session },
    { t: 'sum', session, part: 3 },
    { t: 'mean', session, part: 0 },
  ];
  return [
    {
      covers: ['roles/averaging/average-messages.ts: decodeAverage'],
      form: 'cbor',
      seeds: requests.map(encodeAverage),
      decode: (input) =>
        outcomeOf(decodeAverage(input), (request) => ({ again: encodeAverage(request) })),
    },
    {
      covers: ['roles/averaging/average-messages.ts: decodeHello'],
      form: 'cbor',
      seeds: [encodeAverage({ bytesPerSecond: 123_456 })],
      decode: (input) =>
        outcomeOf(decodeHello(input), (hello) => ({ again: encodeAverage(hello) })),
    },
    ...[undefined, 'q8'].map(pieceDecoder),
  ];
}

/** Either kind of piece: a sum that is refused changes nothing, a mean is elements. */
function pieceDecoder(text: string | undefined): Decoder {
  const coding = codingOf(text);
  const own = encodeOwn(bellValues(ELEMENTS), 3, coding);
  const added = addPiece({ values: new Float64Array(ELEMENTS), weight: 0 }, own, coding);
  if (!added.ok) throw new Error(added.reason);
  return {
    covers: ['federated/averaging/piece.ts: decodeMean', 'federated/averaging/piece.ts: openPiece'],
    form: 'bytes',
    seeds: [own, encodeSums(added.value), encodeMean(added.value, coding)],
    decode: (input) => {
      const sums = { values: new Float64Array(ELEMENTS).fill(7), weight: 1 };
      const sum = addPiece(sums, input, coding);
      const isChanged = sums.values.some((value) => value !== 7);
      if (!sum.ok && isChanged) throw new Error('a refused piece changed the sum');
      if (sum.ok && !sum.value.values.every(Number.isSafeInteger)) throw new Error('no integers');
      return outcomeOf(decodeMean(input, ELEMENTS, coding));
    },
  };
}
