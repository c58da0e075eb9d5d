/**
 * The offline verifier: is this file a certificate, what does it prove, and are these arrays the
 * ones it speaks of? Pure: no network, clock, disk or native code; it runs in Node and in browsers.
 * Format and checks: docs/protocol/certificate.md.
 */
import { toHex } from './base/bytes.ts';
import { type NodeId, type PeerId, peerIdOf } from './base/ids.ts';
import type { Refusal } from './base/verdict.ts';
import {
  type Anchor,
  admissionOf,
  checkAnchor,
  type TrustedNetwork,
} from './certificate/check-anchor.ts';
import { type CheckedArray, checkInput, checkOutput } from './certificate/check-arrays.ts';
import { type OpenedCertificate, openCertificate } from './certificate/open.ts';
import { quorumOf } from './consensus/seats.ts';
import { computationIdOf } from './job/spec.ts';

export {
  type ChainVerdict,
  isChain,
  type ValidChain,
  type VerifyChainOptions,
  verifyChain,
} from './federated/round/verify-chain.ts';
export type { CheckedArray, TrustedNetwork };
export { type OpenedCertificate, openCertificate };

export interface VerifyOptions {
  /** Arrays that must be the job's inputs, by name; any subset. */
  readonly inputs?: Readonly<Record<string, CheckedArray>>;
  /** Arrays that must be the job's outputs, by name; any subset. */
  readonly outputs?: Readonly<Record<string, CheckedArray>>;
  /** The network that the job must belong to; an anchor when it lists its members. */
  readonly network?: TrustedNetwork;
  /** Base58 peer id of the requester whose choice of roster is trusted. */
  readonly requester?: PeerId;
  /** Lowercase hex of a cadre root known from elsewhere. */
  readonly cadreRoot?: string;
  /** Lowercase hex of the job that the certificate must be about. */
  readonly jobId?: string;
}

export interface ValidVerdict {
  readonly valid: true;
  readonly kind: 'job';
  /** Lowercase hex, as are all ids and digests here. */
  readonly jobId: string;
  readonly planId: string;
  readonly computationId: string;
  readonly kernel: string;
  readonly kernelDigest: string;
  /**
   * null: this build does not know the kernel, so only the structure of its regions was checked.
   */
  readonly numericContract: number | null;
  readonly resultsRoot: string;
  readonly cadreRoot: string;
  readonly network: string;
  readonly requester: PeerId;
  readonly shards: number;
  readonly cadre: {
    readonly n: number;
    readonly q: number;
    readonly signers: readonly PeerId[];
    /** Who took the seat of a silent member, oldest first. */
    readonly standIns: readonly PeerId[];
  };
  /** Present when one seat is the whole cadre: one node's word. */
  readonly single?: true;
  readonly replicas: number;
  readonly quorum: number;
  /** `checked`: the workers' own signatures are in the file and hold. */
  readonly receipts: 'checked' | 'attested';
  /** A seat's node could also be given shards: the roster was too small to keep them apart. */
  readonly overlap: boolean;
  /** Cadre ranks passed over as unreachable. */
  readonly skipped: readonly number[];
  /** How much of the roster the file shows; what follows from it is in section 2 of the page. */
  readonly roster: { readonly shown: 'whole' | 'part'; readonly nodes: number };
  /** Whether placement was recomputed for every worker named. */
  readonly entitlement: 'checked' | 'claimed';
  /**
   * How the seats' nodes were admitted: `invite` and `open` were checked against the rule of the
   * network given; `claimed` is what their adverts say where none was given.
   */
  readonly admission: 'none' | 'claimed' | 'invite' | 'open';
  /** Who could choose the seed. */
  readonly seed: 'requester';
  readonly anchor: Anchor;
  readonly trust: 'self-consistent' | 'trusted';
  readonly checked: { readonly inputs: readonly string[]; readonly outputs: readonly string[] };
}

export interface InvalidVerdict {
  readonly valid: false;
  /** Stable; docs/protocol/certificate.md, section 7. */
  readonly reason: string;
  /** For people; never parsed. */
  readonly detail: string;
}

export type Verdict = ValidVerdict | InvalidVerdict;

/**
 * Judges a certificate and, when given, inputs and outputs. Never throws on any certificate bytes.
 *
 * @example
 * const verdict = await verify(certificate, { outputs: { c: { data, shape: [m, n] } } });
 * if (!verdict.valid) console.error(verdict.reason);
 */
export async function verify(
  certificate: Uint8Array,
  options: VerifyOptions = {},
): Promise<Verdict> {
  const opened = openCertificate(certificate);
  if (!opened.ok) return invalid(opened);
  const anchor = checkAnchor(opened.value, options);
  if (!anchor.ok) return invalid(anchor);
  const problem = checkArrays(opened.value, options);
  return problem === undefined ? verdictOf(opened.value, anchor.value, options) : invalid(problem);
}

function checkArrays(opened: OpenedCertificate, options: VerifyOptions): Refusal | undefined {
  for (const [name, array] of Object.entries(options.inputs ?? {})) {
    const problem = checkInput(opened.spec.inputs, name, array);
    if (problem !== undefined) return problem;
  }
  for (const [name, array] of Object.entries(options.outputs ?? {})) {
    const problem = checkOutput(opened.results, name, array);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** `wrong-job-id` inside, `WRONG_JOB_ID` for users, like every code they match on. */
function invalid(refusal: Refusal): InvalidVerdict {
  const reason = refusal.reason.toUpperCase().replaceAll('-', '_');
  return { valid: false, reason, detail: refusal.detail ?? refusal.reason.replaceAll('-', ' ') };
}

function verdictOf(
  opened: OpenedCertificate,
  anchor: Anchor,
  options: VerifyOptions,
): ValidVerdict {
  const { spec, certificate, roster } = opened;
  const n = certificate.cadre.length;
  return {
    valid: true,
    kind: 'job',
    jobId: toHex(opened.jobId),
    planId: toHex(opened.planId),
    computationId: toHex(computationIdOf(spec)),
    kernel: spec.kernel,
    kernelDigest: toHex(spec.kernelDigest),
    numericContract: opened.numericContract ?? null,
    resultsRoot: toHex(opened.resultsRoot),
    cadreRoot: toHex(opened.cadreRoot),
    network: spec.network,
    requester: peerIdOf(spec.requester),
    shards: spec.shards,
    cadre: {
      n,
      q: quorumOf(n),
      signers: opened.signers.map(peerIdOf),
      standIns: opened.seated.slice(n).map(peerIdOf),
    },
    ...(n === 1 ? { single: true as const } : {}),
    replicas: spec.policy.replicas,
    quorum: spec.policy.quorum,
    receipts: opened.receipts,
    overlap: opened.overlap,
    skipped: opened.skipped,
    roster: { shown: roster.kind, nodes: roster.count },
    entitlement: opened.entitlement,
    admission: admissionStated(opened, options.network),
    seed: 'requester',
    anchor,
    trust: anchor === null ? 'self-consistent' : 'trusted',
    checked: {
      inputs: Object.keys(options.inputs ?? {}),
      outputs: Object.keys(options.outputs ?? {}),
    },
  };
}

/** A rule given was checked for every seat before anything is stated. */
function admissionStated(
  opened: OpenedCertificate,
  network: TrustedNetwork | undefined,
): ValidVerdict['admission'] {
  const rule = network?.admission?.kind ?? 'none';
  if (rule !== 'none') return rule;
  const shown = (node: NodeId) => admissionOf(opened, node) !== undefined;
  return opened.seated.every(shown) ? 'claimed' : 'none';
}
