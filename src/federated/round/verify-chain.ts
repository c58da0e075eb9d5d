/**
 * A chain of certified rounds judged for a user: what it proves, on what that rests, and whether
 * these arrays are the ones it ends in. Pure, offline; never throws on any bytes.
 */
import { equalBytes, toHex } from '../../base/bytes.ts';
import { type PeerId, peerIdOf } from '../../base/ids.ts';
import { type Refusal, refuse } from '../../base/verdict.ts';
import { blobRoot } from '../../blob/tree.ts';
import { type Anchor, checkAnchor, type TrustedNetwork } from '../../certificate/check-anchor.ts';
import { quorumOf } from '../../consensus/seats.ts';
import { type OpenChain, openChain } from './check-chain.ts';
import { modelOfState } from './round-state.ts';

export interface VerifyChainOptions {
  /** Must be the state that the chain ends in. */
  readonly state?: Int32Array;
  /** Must be the model of that state, which must be given too. */
  readonly model?: Float32Array;
  /** The network that every round must belong to; an anchor when it lists its members. */
  readonly network?: TrustedNetwork;
  /** Lowercase hex of the training that it must be about. */
  readonly training?: string;
}

export interface ValidChain {
  readonly valid: true;
  readonly kind: 'round';
  /** Lowercase hex, as are all ids and digests here. */
  readonly training: string;
  readonly network: string;
  readonly coordinator: PeerId;
  readonly model: string;
  readonly codec: string;
  readonly aggregator: string;
  readonly optimiser: string;
  /** Certified, and planned. */
  readonly rounds: number;
  readonly roundsPlanned: number;
  /** Of the last round: what the next one names as its parent. */
  readonly head: string;
  readonly state: string;
  /** Liars among a quorum of updates that the plan claims to withstand. */
  readonly faulty: number;
  readonly updates: { readonly quorum: number; readonly counted: readonly number[] };
  /** By client, base58: rounds in which it counted. */
  readonly clients: Readonly<Record<PeerId, number>>;
  readonly jobs: readonly string[];
  readonly cadre: { readonly n: number; readonly q: number };
  readonly replicas: number;
  readonly quorum: number;
  readonly anchor: Anchor;
  readonly trust: 'self-consistent' | 'trusted';
  readonly checked: { readonly inputs: readonly string[]; readonly outputs: readonly string[] };
}

export type ChainVerdict =
  | ValidChain
  | { readonly valid: false; readonly reason: string; readonly detail: string };

/** What every chain begins with: a map of four, whose first keys are `v`: 1 and `kind`: chain. */
const CHAIN_PREFIX = Uint8Array.of(0xa4, 0x61, 0x76, 0x01, 0x64);
const CHAIN_KIND = 'kindechain';

/** Whether the first 16 bytes are a chain's: any other file is judged as a certificate. */
export function isChain(bytes: Uint8Array): boolean {
  const { length } = CHAIN_PREFIX;
  const text = String.fromCharCode(...bytes.subarray(length, length + CHAIN_KIND.length));
  return equalBytes(bytes.subarray(0, length), CHAIN_PREFIX) && text === CHAIN_KIND;
}

/**
 * @example
 * const verdict = verifyChain(file, { state, model });
 * if (!verdict.valid) console.error(verdict.reason);
 */
export function verifyChain(encoded: Uint8Array, options: VerifyChainOptions = {}): ChainVerdict {
  const opened = openChain(encoded);
  if (!opened.ok) return invalid(opened);
  const problem = checkExpected(opened.value, options);
  if (problem !== undefined) return invalid(problem);
  const anchors: Anchor[] = [];
  for (const { certificate } of opened.value.rounds) {
    const anchor = checkAnchor(certificate, options.network ? { network: options.network } : {});
    if (!anchor.ok) return invalid(anchor);
    anchors.push(anchor.value);
  }
  return verdictOf(opened.value, anchors[0] ?? null, options);
}

function checkExpected(chain: OpenChain, options: VerifyChainOptions): Refusal | undefined {
  const { training, head } = chain;
  const { state, model, network } = options;
  if (options.training !== undefined && options.training !== toHex(training.id)) {
    return refuse('other-training');
  }
  if (network !== undefined && network.id !== training.plan.network) return refuse('other-network');
  if (state !== undefined) {
    const bytes = new Uint8Array(state.buffer, state.byteOffset, state.byteLength);
    if (!equalBytes(blobRoot(bytes), head.state)) {
      return refuse('output-mismatch', 'reject', 'state: the chain ends in another');
    }
  }
  if (model === undefined) return undefined;
  if (state === undefined) {
    return refuse('state-needed', 'reject', 'a model is checked with the state that it is of');
  }
  const { elements, fractionBits } = training.first.context.schema;
  const isSame = isSameBits(model, modelOfState(state, elements, fractionBits));
  return isSame ? undefined : refuse('output-mismatch', 'reject', 'model: not of this state');
}

/** A zero and a negative zero are two models. */
function isSameBits(a: Float32Array, b: Float32Array): boolean {
  if (a.length !== b.length) return false;
  const left = new Uint32Array(a.buffer, a.byteOffset, a.length);
  const right = new Uint32Array(b.buffer, b.byteOffset, b.length);
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false;
  return true;
}

function verdictOf(chain: OpenChain, anchor: Anchor, options: VerifyChainOptions): ValidChain {
  const { training, rounds, head } = chain;
  const { plan } = training;
  const clients: Record<PeerId, number> = {};
  for (const { statement } of rounds.flatMap(({ statements }) => statements)) {
    const peer = peerIdOf(statement.client);
    clients[peer] = (clients[peer] ?? 0) + 1;
  }
  const outputs = ['state', 'model'].filter((name) => name in options);
  return {
    valid: true,
    kind: 'round',
    training: toHex(training.id),
    network: plan.network,
    coordinator: peerIdOf(plan.coordinator),
    model: plan.model,
    codec: plan.codec,
    aggregator: plan.rule,
    optimiser: plan.optimiser,
    rounds: rounds.length,
    roundsPlanned: plan.rounds,
    head: toHex(head.parent),
    state: toHex(head.state),
    faulty: plan.faulty,
    updates: { quorum: plan.quorum, counted: rounds.map(({ statements }) => statements.length) },
    clients,
    jobs: rounds.map(({ certificate }) => toHex(certificate.jobId)),
    cadre: { n: plan.job.cadre, q: quorumOf(plan.job.cadre) },
    replicas: plan.job.replicas,
    quorum: plan.job.quorum,
    anchor,
    trust: anchor === null ? 'self-consistent' : 'trusted',
    checked: { inputs: [], outputs },
  };
}

function invalid({ reason, detail = reason }: Refusal): ChainVerdict {
  return { valid: false, reason: reason.toUpperCase().replaceAll('-', '_'), detail };
}
