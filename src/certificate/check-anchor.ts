/**
 * What the caller knows from elsewhere, and whether the certificate agrees: that alone turns
 * "self-consistent" into "trusted" (docs/protocol/certificate.md, section 6).
 */
import { toHex } from '../base/bytes.ts';
import { type NodeId, type PeerId, peerIdOf } from '../base/ids.ts';
import { accept, type Checked, type Refusal, refuse } from '../base/verdict.ts';
import { checkAdmission } from '../swarm/admission.ts';
import type { Admission } from '../swarm/advert.ts';
import type { AdmissionRule } from '../swarm/network-file.ts';
import type { OpenedCertificate } from './open.ts';

/** The parts of a network file that a verifier reads. */
export interface TrustedNetwork {
  /** Network id, as job specs and adverts carry it. */
  readonly id: string;
  /** For people; the id where there is none. */
  readonly name?: string;
  /** Base58 peer ids of all members; without them the network is no anchor. */
  readonly members?: readonly PeerId[];
  /** Who belongs to it. An authority's invitations make it an anchor, puzzles do not. */
  readonly admission?: AdmissionRule;
}

export interface Expectations {
  readonly jobId?: string;
  readonly network?: TrustedNetwork;
  readonly requester?: PeerId;
  readonly cadreRoot?: string;
}

export type Anchor = null | 'cadreRoot' | `network:${string}` | `requester:${string}`;

/**
 * The strongest anchor that holds; every expectation given must hold. Reasons: `other-job`,
 * `other-network`, `seat-not-a-member`, `seat-not-admitted`, `other-cadre-root`, `other-requester`.
 */
export function checkAnchor(opened: OpenedCertificate, expected: Expectations): Checked<Anchor> {
  const { jobId, network, requester, cadreRoot } = expected;
  if (jobId !== undefined && jobId !== toHex(opened.jobId)) return refuse('other-job');
  if (cadreRoot !== undefined && cadreRoot !== toHex(opened.cadreRoot)) {
    return refuse('other-cadre-root');
  }
  if (requester !== undefined && requester !== peerIdOf(opened.spec.requester)) {
    return refuse('other-requester');
  }
  if (network !== undefined && network.id !== opened.spec.network) {
    return refuse('other-network', 'reject', `made in ${opened.spec.network}`);
  }
  const stranger = network && checkSeats(opened, network);
  if (stranger !== undefined) return stranger;
  if (network?.members !== undefined || network?.admission?.kind === 'invite') {
    return accept<Anchor>(`network:${network.name ?? network.id}`);
  }
  if (cadreRoot !== undefined) return accept('cadreRoot');
  return accept<Anchor>(requester === undefined ? null : `requester:${requester}`);
}

/** Every seat's node is one that the network file lets in. */
function checkSeats(opened: OpenedCertificate, network: TrustedNetwork): Refusal | undefined {
  const { members, admission = { kind: 'none' } } = network;
  const listed = members === undefined ? undefined : new Set(members);
  for (const node of opened.seated) {
    const peer = peerIdOf(node);
    if (listed?.has(peer) === false) return refuse('seat-not-a-member', 'reject', peer);
    if (admission.kind === 'none') continue;
    const refusal = checkAdmission(admission, network.id, node, admissionOf(opened, node));
    if (refusal === undefined) continue;
    return refuse('seat-not-admitted', 'reject', `${peer}: ${refusal.reason}`);
  }
  return undefined;
}

/** What a seat's advert shows of its node's admission; every seat is in the roster by now. */
export function admissionOf({ roster }: OpenedCertificate, seat: NodeId): Admission | undefined {
  return roster.at(roster.positionOf(seat)!)?.advert.admission;
}
