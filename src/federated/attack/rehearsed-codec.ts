/**
 * Messages of a rehearsal: every client compresses with error feedback of its own, everybody reads
 * the same integers, and what was sent is counted.
 */
import { u32, utf8 } from '../../base/bytes.ts';
import { sha256 } from '../../crypto/portable/hash.ts';
import { codecOf, parseCodec } from '../codec/codec-spec.ts';
import { HEADER_BYTES } from '../codec/container.ts';
import type { UpdateSchema } from '../codec/schema.ts';
import { compress, type FeedbackMemory, freshMemory } from '../feedback.ts';
import { toDense, type Update } from '../fixed-point.ts';

interface Sender {
  readonly memory: FeedbackMemory;
  readonly previous: Uint8Array;
}

export interface Traffic {
  readonly messages: number;
  /** Whole containers. */
  readonly bytes: number;
  /** Scales, indices and values alone: no header, no padding. */
  readonly payloadBits: number;
  /** The same updates in binary32. */
  readonly denseBits: number;
}

export class RehearsedCodec {
  readonly #spec;
  readonly #codec;
  readonly #schema: UpdateSchema;
  readonly #senders = new Map<number, Sender>();
  #traffic: Traffic = { messages: 0, bytes: 0, payloadBits: 0, denseBits: 0 };

  /** Throws BAD_CODEC. */
  constructor(text: string, schema: UpdateSchema) {
    this.#spec = parseCodec(text);
    this.#codec = codecOf(this.#spec);
    this.#schema = schema;
  }

  get traffic(): Traffic {
    return this.#traffic;
  }

  /** What everybody reads in the client's message. Throws BAD_UPDATE for what cannot be sent. */
  send(client: number, update: Float32Array, round: number): Int32Array {
    const { elements } = this.#schema;
    const sender = this.#senders.get(client);
    const seed = sha256(utf8(`rehearsed masks ${round}`));
    const ditherKey = sha256(u32(client * 1e6 + round));
    const context = { schema: this.#schema, round, seed, ditherKey };
    const { bytes, sent, memory } = compress(
      update,
      sender?.memory ?? freshMemory(this.#spec, elements),
      {
        spec: this.#spec,
        codec: this.#codec,
        context: sender === undefined ? context : { ...context, previous: sender.previous },
      },
    );
    this.#senders.set(client, { memory, previous: bytes });
    this.#traffic = {
      messages: this.#traffic.messages + 1,
      bytes: this.#traffic.bytes + bytes.length,
      payloadBits: this.#traffic.payloadBits + payloadBits(bytes, sent),
      denseBits: this.#traffic.denseBits + 32 * elements,
    };
    return memory.form === 'ef21' ? memory.estimate.slice() : toDense(sent);
  }
}

/** Bits of the sections; where their lengths do not follow from the header, padding counts too. */
export function payloadBits(container: Uint8Array, sent: Update): number {
  const [blockLog2, valueBits, rice] = container.subarray(16, 19) as unknown as number[];
  const { values } = sent;
  const coded = 16 * Math.ceil(values.length / 2 ** blockLog2!) + valueBits! * values.length;
  const isBlocks = container[5] === 1;
  if (isBlocks) return coded;
  const isRice = sent.form === 'sparse' && (container[6]! & 4) === 0 && container[5]! <= 5;
  if (!isRice) return 8 * (container.length - HEADER_BYTES);
  let indexBits = 0;
  let next = 0;
  for (const index of sent.indices) {
    indexBits += Math.floor((index - next) / 2 ** rice!) + 1 + rice!;
    next = index + 1;
  }
  return coded + indexBits;
}
