/**
 * What the caller knows from elsewhere, and whether the certificate agrees: that alone turns
 * "self-consistent" into "trusted" (docs/protocol/certificate.md, section 6).
 */
import { toHex } from '../base/bytes.ts';
import { type PeerId, peerIdOf } from '../base/ids.ts';
import { accept, type Checked, refuse } from '../base/verdict.ts';
import type { OpenedCertificate } from './open.ts';

/** The parts of a network file that a verifier reads. */
export interface TrustedNetwork {
  /** Network id, as job specs and adverts carry it. */
  readonly id: string;
  /** For people; the id where there is none. */
  readonly name?: string;
  /** Base58 peer ids of all members; without them the network is no anchor. */
  readonly members?: readonly PeerId[];
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
 * `other-network`, `seat-not-a-member`, `other-cadre-root`, `other-requester`.
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
  if (network?.members !== undefined) {
    const members = new Set(network.members);
    for (const { node } of opened.certificate.cadre) {
      if (!members.has(peerIdOf(node))) {
        return refuse('seat-not-a-member', 'reject', peerIdOf(node));
      }
    }
    return accept<Anchor>(`network:${network.name ?? network.id}`);
  }
  if (cadreRoot !== undefined) return accept('cadreRoot');
  return accept<Anchor>(requester === undefined ? null : `requester:${requester}`);
}
