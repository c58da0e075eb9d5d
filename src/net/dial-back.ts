/**
 * "Can you reach me?": a peer is asked to dial this node afresh, and says what became of it and
 * what its clock says (docs/protocol/transport.md, "Dialling back"). Whoever is asked dials only
 * where the question came from, a few times a minute: nobody is sent against a third party.
 */
import { multiaddr } from '@multiformats/multiaddr';
import type { Libp2p } from 'libp2p';
import { KadreError } from '../base/errors.ts';
import type { PeerId } from '../base/ids.ts';
import type { Clock, Network, SignalOption } from '../base/ports.ts';
import type { Checked } from '../base/verdict.ts';
import { decodeCanonical, encodeCanonical } from '../wire/cbor.ts';
import { boolean, type Infer, integer, list, oneOf, struct, text } from '../wire/shape.ts';
import { addressKind, hostOf } from './address-kinds.ts';
import { PeerBudgets } from './peer-budgets.ts';

export const DIALS_MAX = 4;
const DIALS_PER_MINUTE = 8;
const DIAL_TIMEOUT_MS = 4_000;
const ANSWER_TIMEOUT_MS = DIALS_MAX * DIAL_TIMEOUT_MS + 2_000;
const MESSAGE_BYTES_MAX = 4_096;
const ADDRESS = text(256, /^\/[\x21-\x7e]+$/);

const questionShape = struct({
  v: oneOf(1),
  t: oneOf('dial-back'),
  addresses: list(ADDRESS, DIALS_MAX),
});

const answerShape = struct({
  v: oneOf(1),
  t: oneOf('dialled'),
  /** The answering node's wall clock. */
  wallMs: integer(0),
  /** Only of what was tried. */
  results: list(struct({ address: ADDRESS, reached: boolean }), DIALS_MAX),
});

export type DialBackAnswer = Infer<typeof answerShape>;

/** The question's canonical bytes; at most `DIALS_MAX` addresses go with it. */
export function encodeQuestion(addresses: readonly string[]): Uint8Array {
  return encodeCanonical({ v: 1, t: 'dial-back', addresses: addresses.slice(0, DIALS_MAX) });
}

export function decodeAnswer(bytes: Uint8Array): Checked<DialBackAnswer> {
  return decodeCanonical(bytes, answerShape, MESSAGE_BYTES_MAX);
}

export interface DialBackComponents {
  readonly libp2p: Libp2p;
  readonly clock: Clock;
}

/** The answering end. */
export class DialBack {
  readonly #components: DialBackComponents;
  readonly #budgets: PeerBudgets;

  constructor(components: DialBackComponents) {
    this.#components = components;
    this.#budgets = new PeerBudgets(components, { perMinute: DIALS_PER_MINUTE });
  }

  /** Errors: PEER_REFUSED for bytes that are no question, OVERLOADED. */
  async answer(from: PeerId, body: Uint8Array): Promise<Uint8Array> {
    const question = decodeCanonical(body, questionShape, MESSAGE_BYTES_MAX);
    if (!question.ok) throw new KadreError({ code: 'PEER_REFUSED' }, question.reason);
    const ends = this.#endsOf(from);
    const addresses = question.value.addresses.filter((address) => isAtEnd(address, from, ends));
    if (!this.#budgets.take(from, Math.max(1, addresses.length))) {
      throw new KadreError({ code: 'OVERLOADED' }, 'too many questions in a minute');
    }
    const results = [];
    for (const address of addresses) {
      results.push({ address, reached: await this.#reaches(from, address) });
    }
    const wallMs = this.#components.clock.wallMs();
    return encodeCanonical({ v: 1, t: 'dialled', wallMs, results });
  }

  /** Hosts from which this peer is connected directly. */
  #endsOf(peer: PeerId): ReadonlySet<string> {
    const connections = this.#components.libp2p
      .getConnections()
      .filter(({ remotePeer, limits }) => String(remotePeer) === peer && limits === undefined);
    const hosts = connections.map(({ remoteAddr }) => hostOf(remoteAddr.toString()));
    return new Set(hosts.filter((host) => host !== undefined));
  }

  async #reaches(peer: PeerId, address: string): Promise<boolean> {
    try {
      const signal = AbortSignal.timeout(DIAL_TIMEOUT_MS);
      // Forced: a connection that is there already proves nothing about the address.
      const options = { signal, force: true };
      const connection = await this.#components.libp2p.dial(multiaddr(address), options);
      const isThere = String(connection.remotePeer) === peer && connection.direction === 'outbound';
      await connection.close().catch(() => undefined);
      return isThere;
    } catch {
      return false;
    }
  }
}

function isAtEnd(address: string, peer: PeerId, ends: ReadonlySet<string>): boolean {
  const host = hostOf(address);
  if (host === undefined || !ends.has(host) || addressKind(address) === 'relayed') return false;
  return address.endsWith(`/p2p/${peer}`);
}

/** What one peer found; `failure` where it could not be asked, or did not answer properly. */
export type PeerFinding =
  | ({ readonly peer: PeerId; readonly failure: null; readonly skewMs: number } & Pick<
      DialBackAnswer,
      'results'
    >)
  | { readonly peer: PeerId; readonly failure: string };

/**
 * Asks these peers, all at once, to dial `addresses`. `skewMs` is how far this clock is ahead of
 * theirs, as well as the way there lets it be known. Never throws.
 */
export function askPeers(
  { network, clock }: { readonly network: Network; readonly clock: Clock },
  question: { readonly peers: readonly PeerId[]; readonly addresses: readonly string[] },
  options: SignalOption = {},
): Promise<PeerFinding[]> {
  const body = encodeQuestion(question.addresses);
  const ask = async (peer: PeerId): Promise<PeerFinding> => {
    try {
      const request = { ...options, timeoutMs: ANSWER_TIMEOUT_MS };
      const answer = decodeAnswer(await network.request(peer, 'advert', body, request));
      if (!answer.ok) return { peer, failure: answer.reason };
      const { results, wallMs } = answer.value;
      return { peer, failure: null, results, skewMs: Math.round(clock.wallMs() - wallMs) };
    } catch (cause) {
      return { peer, failure: (cause as Error).message };
    }
  };
  return Promise.all(question.peers.map(ask));
}
