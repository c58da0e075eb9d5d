/** Decoders of what peers send around the signed things: frames, requests, answers, errors. */
import type { Libp2p } from 'libp2p';
import { concatBytes, fromHex, toHex, utf8 } from '../../../src/base/bytes.ts';
import { KadreError } from '../../../src/base/errors.ts';
import { nodeIdOf, peerIdOf } from '../../../src/base/ids.ts';
import {
  decodeBlobRequest,
  encodeBlobRequest,
  parseSmallEntries,
  smallEntry,
} from '../../../src/blob/protocol.ts';
import { agentVersionOf, shownIn } from '../../../src/net/admission-gate.ts';
import { DialBack, decodeAnswer, encodeQuestion } from '../../../src/net/dial-back.ts';
import { checkedFrames, encodeFrame, FRAME_KINDS } from '../../../src/net/envelope.ts';
import { decodeRemoteError, encodeRemoteError } from '../../../src/net/remote-error.ts';
import { decodeMessage, encodeMessage } from '../../../src/roles/job-messages.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';
import { checkAdmission, parseInvitation, signInvitation } from '../../../src/swarm/admission.ts';
import { decodeCanonical, encodeCanonical } from '../../../src/wire/cbor.ts';
import type { Infer, Shape } from '../../../src/wire/shape.ts';
import { NETWORK, signerNumber } from '../adverts.ts';
import { MESSAGES } from '../job-messages.ts';
import { type Decoder, outcomeOf } from './decoder.ts';

const anything: Shape<unknown> = () => undefined;
const FRAME_BODY_BYTES_MAX = 4_096;

export function peerDecoders(): Decoder[] {
  return [
    admissionDecoder(),
    ...dialBackDecoders(),
    ...wireDecoders(),
    ...frameDecoders(),
    ...blobDecoders(),
    ...messageDecoders(),
  ];
}

/** What identify says of a stranger: only the authority can make one that admits. */
function admissionDecoder(): Decoder {
  const [authority, { nodeId }] = [signerNumber(1), signerNumber(2)];
  const proof = signInvitation(authority, NETWORK, nodeId);
  const rule = { kind: 'invite', authority: authority.peerId } as const;
  return {
    covers: ['swarm/admission.ts: checkAdmission', 'swarm/admission.ts: parseInvitation'],
    form: 'text',
    seeds: [utf8(agentVersionOf({ rule, own: { kind: 'invite', proof } }))],
    decode: (input) => {
      const text = Buffer.from(input).toString('latin1');
      const shown = shownIn(text) ?? parseInvitation(text);
      if (checkAdmission(rule, NETWORK, nodeId, shown) !== undefined) return 'refused';
      return { signed: shown!.proof };
    },
  };
}

function dialBackDecoders(): Decoder[] {
  const { peerId } = signerNumber(1);
  const address = `/ip4/127.0.0.1/tcp/4001/p2p/${peerId}`;
  const results = [{ address, reached: true }];
  // Connected from nowhere: whatever is asked, nothing is dialled.
  const libp2p = { getConnections: () => [] } as unknown as Libp2p;
  const clock = new VirtualClock();
  return [
    {
      covers: ['net/dial-back.ts: DialBack'],
      form: 'cbor',
      seeds: [encodeQuestion([address]), encodeQuestion([])],
      throws: ['PEER_REFUSED'],
      decode: async (input) => {
        await new DialBack({ libp2p, clock }).answer(peerId, input);
        return {};
      },
    },
    {
      covers: ['net/dial-back.ts: decodeAnswer'],
      form: 'cbor',
      seeds: [encodeCanonical({ v: 1, t: 'dialled', wallMs: 1, results })],
      decode: (input) =>
        outcomeOf(decodeAnswer(input), (answer) => ({ again: encodeCanonical(answer) })),
    },
  ];
}

function wireDecoders(): Decoder[] {
  const text = (input: Uint8Array) => Buffer.from(input).toString('latin1');
  const peer = signerNumber(1).peerId;
  return [
    {
      covers: ['wire/cbor.ts: decodeCanonical'],
      form: 'cbor',
      seeds: [
        encodeCanonical({ a: [1, -1, 0.5, 2 ** 53 - 1], b: new Uint8Array(9), c: { d: 'é' } }),
        encodeCanonical([null, true, false, '', [], {}]),
      ],
      decode: (input) =>
        outcomeOf(decodeCanonical(input, anything, 100_000), (value) => ({
          again: encodeCanonical(value),
        })),
    },
    {
      covers: ['base/ids.ts: nodeIdOf'],
      form: 'text',
      seeds: [utf8(peer)],
      decode: (input) => {
        const node = nodeIdOf(text(input));
        return node === undefined ? 'refused' : { again: utf8(peerIdOf(node)) };
      },
    },
    {
      covers: ['base/bytes.ts: fromHex'],
      form: 'text',
      seeds: [utf8('00ff10'), utf8('')],
      decode: (input) => {
        const bytes = fromHex(text(input));
        return bytes === undefined ? 'refused' : { again: utf8(toHex(bytes)) };
      },
    },
  ];
}

function frameDecoders(): Decoder[] {
  const frames = Object.values(FRAME_KINDS).map((kind, i) =>
    encodeFrame(kind, 2 ** (4 * i) - 1, new Uint8Array(i * 40).fill(i)),
  );
  return [
    {
      covers: ['net/envelope.ts: checkedFrames'],
      form: 'bytes',
      seeds: [concatBytes(frames), ...frames],
      decode: framesOf,
    },
    {
      covers: ['net/remote-error.ts: decodeRemoteError'],
      form: 'cbor',
      seeds: [
        encodeRemoteError(new KadreError({ code: 'JOB_UNKNOWN' }, 'no such job')),
        encodeRemoteError(new Error('a bug')),
      ],
      decode: (input) => {
        const error = decodeRemoteError(signerNumber(1).peerId, input);
        return error.code === 'PEER_MISBEHAVED' ? 'refused' : {};
      },
    },
  ];
}

/** In chunks of three sizes; a cut inside a frame is a break of the stream, not an offence. */
async function framesOf(input: Uint8Array) {
  let refused = false;
  for (const size of [1, 7, Math.max(1, input.length)]) {
    const chunks = async function* () {
      for (let at = 0; at < input.length; at += size) yield input.slice(at, at + size);
    };
    try {
      for await (const frame of checkedFrames(FRAME_BODY_BYTES_MAX)(chunks())) {
        if (!frame.ok) refused = true;
      }
    } catch (cause) {
      const isCut = (cause as { code?: string }).code === 'ERR_UNEXPECTED_EOF';
      const name = (cause as Error).name;
      if (!isCut && name !== 'UnexpectedEOFError') throw cause;
      refused = true;
    }
  }
  return refused ? ('refused' as const) : {};
}

function blobDecoders(): Decoder[] {
  const root = new Uint8Array(32).fill(5);
  const requests = [
    { v: 1, kind: 'leaves', root, bytes: 1_000_000, hashes: true, runs: [0, 2, 5, 1] },
    { v: 1, kind: 'small', roots: new Uint8Array(96) },
  ] as const;
  return [
    {
      covers: ['blob/protocol.ts: decodeBlobRequest'],
      form: 'cbor',
      seeds: requests.map(encodeBlobRequest),
      decode: (input) =>
        outcomeOf(decodeBlobRequest(input), (value) => ({ again: encodeBlobRequest(value) })),
    },
    {
      covers: ['blob/protocol.ts: parseSmallEntries'],
      form: 'bytes',
      seeds: [concatBytes([utf8('one'), undefined, new Uint8Array(0)].map(smallEntry))],
      decode: (input) => {
        const entries = parseSmallEntries(input);
        return entries === undefined ? 'refused' : { again: concatBytes(entries.map(smallEntry)) };
      },
    },
  ];
}

function messageDecoders(): Decoder[] {
  return MESSAGES.map(({ kind, shape, messages }): Decoder => {
    type Message = Infer<typeof shape>;
    return {
      covers: [`roles/job-messages.ts: decodeMessage`, `a job ${kind}`],
      form: 'cbor',
      seeds: messages.map(encodeMessage),
      decode: (input) =>
        outcomeOf(decodeMessage(input, shape as Shape<Message>), (message) => ({
          again: encodeMessage(message),
        })),
    };
  });
}
