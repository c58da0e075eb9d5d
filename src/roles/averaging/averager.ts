/**
 * Averages tensors with other members: agrees on who is who, measures, and runs sessions; the one
 * handler of the `average` protocol (docs/protocol/averaging.md).
 */
import { toHex } from '../../base/bytes.ts';
import { KadreError } from '../../base/errors.ts';
import { type Digest, nodeIdOf, type PeerId } from '../../base/ids.ts';
import type { Clock, Network, Random, SignalOption } from '../../base/ports.ts';
import { abortable, anySignal, sleep } from '../../base/signals.ts';
import { taggedHash } from '../../crypto/portable/hash.ts';
import { MEMBERS_MAX, planParts, type Topology } from '../../federated/averaging/topology.ts';
import { codecOf, parseCodec } from '../../federated/codec/codec-spec.ts';
import type { CodecKernels } from '../../federated/codec/kernels.ts';
import { encodeCanonical } from '../../wire/cbor.ts';
import { TAGS } from '../../wire/tags.ts';
import {
  type AverageRequest,
  decodeAverage,
  decodeHello,
  encodeAverage,
} from './average-messages.ts';
import { type Averaged, AveragingSession } from './averaging-session.ts';

export interface AverageWishes {
  /** A name that nobody uses twice in this group, at most 256 characters: a round's number, say. */
  readonly session: string;
  /** Everybody, this member too, in any order; at most 64. */
  readonly members: readonly PeerId[];
  readonly values: Float32Array;
  /** Integer; all together at most 2^20. */
  readonly weight: number;
  /** Whole integers when undefined. */
  readonly codec: string | undefined;
  readonly topology: Topology;
  /** Site of each member, in the order of `members`; needed by `hierarchical`. */
  readonly sites: readonly number[] | undefined;
  readonly fractionBits: number;
  readonly timeoutMs: number;
}

export interface AveragerComponents {
  readonly network: Network;
  readonly clock: Clock;
  readonly random: Random;
  /** Faster loops for codecs. */
  readonly codecs?: CodecKernels;
}

interface Opened {
  readonly members: readonly PeerId[];
  /** Set once everybody has said hello. */
  readonly session: Promise<AveragingSession>;
}

/** Members that ask about a session before it is open here may wait this long, and so many. */
const WAIT_MS = 30_000;
const WAITING_MAX = 1_024;
const SESSIONS_MAX = 16;

export class Averager {
  readonly name = 'averager';
  readonly #components: AveragerComponents;
  readonly #sessions = new Map<string, Opened>();
  #changed = Promise.withResolvers<void>();
  #waiting = 0;
  #bytesPerSecond = 0;
  #unhandle: (() => void) | undefined;

  constructor(components: AveragerComponents) {
    this.#components = components;
  }

  async start(): Promise<void> {
    this.#unhandle = this.#components.network.handle('average', {
      request: (from, body, options) => this.#hello(from, body, options),
      stream: (from, body, options) => this.#stream(from, body, options),
    });
  }

  async stop(): Promise<void> {
    this.#unhandle?.();
  }

  /**
   * The weighted mean of all members' tensors, the same bits at each. Errors: USAGE, BAD_CODEC,
   * OVERLOADED, TIMEOUT, and of a member that is lost or lies PEER_UNREACHABLE, PEER_MISBEHAVED.
   */
  async average(wishes: AverageWishes, options: SignalOption = {}): Promise<Averaged> {
    const { clock, network } = this.#components;
    const members = checkedMembers(wishes, network.self);
    const session = sessionOf(wishes, members);
    const key = toHex(session);
    if (this.#sessions.size >= SESSIONS_MAX || this.#sessions.has(key)) {
      throw new KadreError({ code: 'OVERLOADED' }, 'this session, or too many others, run here');
    }
    const ending = new AbortController();
    const signal = anySignal(options.signal, ending.signal);
    const late = sleep(clock, wishes.timeoutMs, { signal }).then(
      () => ending.abort(new KadreError({ code: 'TIMEOUT' }, 'the averaging took too long')),
      () => undefined,
    );
    const opening = Promise.withResolvers<AveragingSession>();
    opening.promise.catch(() => undefined);
    this.#sessions.set(key, { members, session: opening.promise });
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
    try {
      const bandwidths = await this.#greet(session, members, signal);
      const running = this.#begin(wishes, { session, members, bandwidths, signal });
      opening.resolve(running);
      const averaged = await running.run();
      this.#bytesPerSecond = averaged.bytesPerSecond;
      return averaged;
    } catch (cause) {
      opening.reject(cause);
      throw cause;
    } finally {
      this.#sessions.delete(key);
      ending.abort(new KadreError({ code: 'STOPPED' }, 'the averaging has ended here'));
      await late;
    }
  }

  #begin(
    wishes: AverageWishes,
    group: {
      readonly session: Digest;
      readonly members: readonly PeerId[];
      readonly bandwidths: readonly number[];
      readonly signal: AbortSignal;
    },
  ): AveragingSession {
    const { values, weight, codec: text, topology, sites, fractionBits } = wishes;
    const { codecs, random } = this.#components;
    const spec = text === undefined ? undefined : parseCodec(text);
    const bySite = new Map(wishes.members.map((peer, i) => [peer, sites?.[i] ?? 0]));
    const parts = planParts({
      elements: values.length,
      topology,
      bandwidths: group.bandwidths,
      sites: group.members.map((peer) => bySite.get(peer)!),
    });
    const coding = {
      codec: spec && codecOf(spec, codecs),
      isDense: spec?.messages === 'dense',
      fractionBits,
      seed: group.session,
      ditherKey: () => random.bytes(32),
    };
    return new AveragingSession(this.#components, { ...group, parts, values, weight, coding });
  }

  /** Everybody's measured bandwidth; all are there when this is known. */
  async #greet(
    session: Digest,
    members: readonly PeerId[],
    signal: AbortSignal,
  ): Promise<readonly number[]> {
    const { network } = this.#components;
    const body = encodeAverage({ t: 'hello', session });
    return Promise.all(
      members.map(async (peer) => {
        if (peer === network.self) return this.#bytesPerSecond;
        const asked = { signal, timeoutMs: WAIT_MS + 5_000 };
        const hello = decodeHello(await network.request(peer, 'average', body, asked));
        if (hello.ok) return hello.value.bytesPerSecond;
        const init = { code: 'PEER_MISBEHAVED', peer, data: { reason: hello.reason } } as const;
        throw new KadreError(init, `${peer} greets in no way that is known: ${hello.reason}`);
      }),
    );
  }

  async #hello(from: PeerId, body: Uint8Array, options: SignalOption): Promise<Uint8Array> {
    const request = this.#decoded(from, body, ['hello']);
    await this.#sessionFor(from, request, options);
    return encodeAverage({ bytesPerSecond: this.#bytesPerSecond });
  }

  async *#stream(
    from: PeerId,
    body: Uint8Array,
    options: SignalOption,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const request = this.#decoded(from, body, ['sum', 'mean']);
    const opened = await this.#sessionFor(from, request, options);
    const session = await abortable(opened.session, options.signal ?? new AbortController().signal);
    if (request.t === 'sum') yield* session.sums(from, request.part);
    else if (request.t === 'mean') yield* session.means(from, request.part);
  }

  #decoded(from: PeerId, body: Uint8Array, kinds: readonly string[]): AverageRequest {
    const request = decodeAverage(body);
    if (request.ok && kinds.includes(request.value.t)) return request.value;
    const reason = request.ok ? 'wrong-kind' : request.reason;
    this.#components.network.penalise(from, 'reject', `average-${reason}`);
    throw new KadreError({ code: 'PEER_REFUSED' }, reason);
  }

  /** The session that is asked about, once it is open here. */
  async #sessionFor(
    from: PeerId,
    { session }: AverageRequest,
    options: SignalOption,
  ): Promise<Opened> {
    const { clock } = this.#components;
    const endMs = clock.monotonicMs() + WAIT_MS;
    for (;;) {
      const opened = this.#sessions.get(toHex(session));
      if (opened?.members.includes(from)) return opened;
      const isLate = clock.monotonicMs() >= endMs || this.#waiting >= WAITING_MAX;
      if (opened !== undefined || isLate) {
        throw new KadreError({ code: 'PEER_REFUSED' }, 'no such session for you here');
      }
      this.#waiting += 1;
      const left = new AbortController();
      const signal = anySignal(options.signal, left.signal);
      const timer = sleep(clock, endMs - clock.monotonicMs(), { signal });
      try {
        await Promise.race([this.#changed.promise, timer]);
      } finally {
        this.#waiting -= 1;
        left.abort();
        timer.catch(() => undefined);
      }
    }
  }
}

function checkedMembers(wishes: AverageWishes, self: PeerId): PeerId[] {
  const { members, weight, sites, topology, values, session } = wishes;
  const sorted = [...new Set(members)].sort();
  const problems: [boolean, string][] = [
    [sorted.length === members.length, 'a member is named twice'],
    [members.every((peer) => nodeIdOf(peer) !== undefined), 'a member is no peer id'],
    [members.includes(self), 'this member is not among the members'],
    [members.length <= MEMBERS_MAX, `over ${MEMBERS_MAX} members`],
    [topology === 'butterfly' || members.length <= 16, `${topology} is for 16 members at most`],
    [Number.isInteger(weight) && weight >= 1, 'a weight is an integer from 1'],
    [values.length >= 1, 'there is nothing to average'],
    [session.length <= 256, 'a session has a name of at most 256 characters'],
    [sites === undefined || sites.length === members.length, 'one site for each member'],
    [topology !== 'hierarchical' || sites !== undefined, '`hierarchical` needs `sites`'],
  ];
  const problem = problems.find(([isRight]) => !isRight);
  if (problem !== undefined) throw new KadreError({ code: 'USAGE' }, problem[1]);
  return sorted;
}

/** Members that mean something else by a session have another id, and never meet. */
function sessionOf(wishes: AverageWishes, members: readonly PeerId[]): Digest {
  const { session, values, codec, topology, sites, fractionBits } = wishes;
  const bySite = new Map(wishes.members.map((peer, i) => [peer, sites?.[i] ?? 0]));
  const meaning = {
    ...{ v: 1, session, topology, fractionBits, elements: values.length },
    codec: codec === undefined ? '' : parseCodec(codec).text,
    members: members.map((peer) => nodeIdOf(peer)!),
    sites: members.map((peer) => bySite.get(peer)!),
  };
  return taggedHash(TAGS.averaging, encodeCanonical(meaning));
}
