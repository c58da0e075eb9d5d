/**
 * Strangers with a libp2p node of their own and no manners, for a node that runs elsewhere: each
 * attack goes on until it is stopped, with a new identity whenever the old one is shut out.
 */

import type { Stream } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { encode } from 'it-length-prefixed';
import type { ProtocolName } from '../../src/base/ports.ts';
import { encodeFrame, FRAME_KINDS } from '../../src/net/envelope.ts';
import { createHost, type Host } from '../../src/net/host.ts';
import {
  kadProtocolId,
  PROTOCOL_LIMITS,
  protocolId,
  STREAMS_MAX,
} from '../../src/net/protocols.ts';
import { realClock, realRandom, silentLogger } from './real-ports.ts';

export interface Victim {
  readonly networkId: string;
  /** A multiaddr with its peer id. */
  readonly address: string;
}

/** One round of misbehaviour over a host of its own. */
export type Attack = (host: Host, victim: Victim, signal: AbortSignal) => Promise<void>;

const KIB = 1024;

const open = (host: Host, victim: Victim, protocol: string): Promise<Stream> =>
  host.libp2p.dialProtocol(multiaddr(victim.address), protocol, {
    signal: AbortSignal.timeout(5_000),
    maxOutboundStreams: 10_000,
  });

const named = (victim: Victim, name: ProtocolName) => protocolId(victim.networkId, name);

/** Resolves when the stream is at its end, by whomever, or the signal says so. */
function over(stream: Stream, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    stream.addEventListener('close', () => resolve());
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (stream.status !== 'open' || signal.aborted) resolve();
  });
}

export const ATTACKS: Readonly<Record<string, Attack>> = {
  /** Asks for ever and reads nothing. */
  async 'slow reader'(host, victim, signal) {
    const stream = await open(host, victim, named(victim, 'advert'));
    stream.pause();
    for (let id = 1; id < 20_000 && stream.status === 'open' && !signal.aborted; id++) {
      if (!stream.send(encodeFrame(FRAME_KINDS.request, id))) break;
    }
    await over(stream, AbortSignal.any([signal, AbortSignal.timeout(2_000)]));
    stream.abort(new Error('enough'));
  },
  /** Well-formed frames around garbage, as fast as they go. */
  async flood(host, victim, signal) {
    const stream = await open(host, victim, named(victim, 'job'));
    const garbage = realRandom.bytes(16 * KIB);
    for (let id = 1; id < 2_000 && stream.status === 'open' && !signal.aborted; id++) {
      if (!stream.send(encodeFrame(FRAME_KINDS.request, id, garbage))) await drained(stream);
    }
    stream.abort(new Error('enough'));
  },
  /** Takes every place there is and says nothing. */
  async 'half-open streams'(host, victim, signal) {
    const names = ['advert', 'job', 'consensus', 'blob', 'train'] as const;
    const streams = await Promise.allSettled(
      names.flatMap((name) =>
        Array.from({ length: 2 * STREAMS_MAX }, () => open(host, victim, named(victim, name))),
      ),
    );
    const [first] = streams.flatMap((made) => (made.status === 'fulfilled' ? [made.value] : []));
    if (first !== undefined) {
      await over(first, AbortSignal.any([signal, AbortSignal.timeout(2_000)]));
    }
  },
  /** Claims a frame over the limit, then sends on and on. */
  async 'oversized frames'(host, victim, signal) {
    for (const name of ['job', 'blob'] as const) {
      const stream = await open(host, victim, named(victim, name));
      const claimed = PROTOCOL_LIMITS[name].bodyBytesMax + 6;
      stream.send(varint(claimed));
      const chunk = new Uint8Array(64 * KIB);
      for (let sent = 0; sent < claimed && stream.status === 'open' && !signal.aborted; ) {
        if (!stream.send(chunk)) await drained(stream);
        sent += chunk.length;
      }
      stream.abort(new Error('enough'));
    }
  },
  /** Tells the DHT that others offer what they do not, under keys without end. */
  async 'lies in the DHT'(host, victim, signal) {
    const stream = await open(host, victim, kadProtocolId(victim.networkId));
    for (let i = 0; i < 500 && stream.status === 'open' && !signal.aborted; i++) {
      const key = realRandom.bytes(34).with(0, 0x12).with(1, 0x20);
      if (!stream.send(addProvider(key, realRandom.bytes(38)))) await drained(stream);
    }
    stream.abort(new Error('enough'));
  },
};

/** The DHT's ADD_PROVIDER, as it is sent: protobuf, length before it. */
function addProvider(key: Uint8Array, peer: Uint8Array): Uint8Array {
  const field = (tag: number, bytes: Uint8Array) => [tag, bytes.length, ...bytes];
  const address = multiaddr('/ip4/127.0.0.1/tcp/9').bytes;
  const provider = Uint8Array.from([...field(0x0a, peer), ...field(0x12, address)]);
  const message = [0x08, 2, ...field(0x12, key), ...field(0x4a, provider)];
  return encode.single(Uint8Array.from(message)).subarray();
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Uint8Array.from([...bytes, rest]);
}

function drained(stream: Stream): Promise<void> {
  return new Promise((resolve) => {
    for (const event of ['drain', 'close'] as const) {
      stream.addEventListener(event, () => resolve(), { once: true });
    }
    setTimeout(resolve, 1_000).unref();
    if (stream.status !== 'open') resolve();
  });
}

/** A host in the victim's network, that answers requests for its advert with `advert`. */
export async function strangerOf(
  victim: Victim,
  advert: (from: string) => Uint8Array = () => new Uint8Array(0),
): Promise<Host> {
  const host = await createHost(
    { clock: realClock, random: realRandom, logger: silentLogger },
    {
      seed: realRandom.bytes(32),
      networkId: victim.networkId,
      listen: ['/ip4/127.0.0.1/tcp/0'],
      bootstrap: [victim.address],
      server: true,
    },
  );
  host.network.handle('advert', { request: async (from) => advert(from) });
  await host.start();
  return host;
}

/** Repeats an attack, each round under a new identity, until it is aborted; says how many. */
export async function besiege(
  attack: Attack,
  victim: Victim,
  signal: AbortSignal,
): Promise<number> {
  let rounds = 0;
  while (!signal.aborted) {
    const host = await strangerOf(victim);
    try {
      await attack(host, victim, signal);
      rounds += 1;
    } catch {
      // Turned away: the next one comes under another name.
    } finally {
      await host.stop();
    }
  }
  return rounds;
}
