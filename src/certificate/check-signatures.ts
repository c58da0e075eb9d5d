/**
 * Every signature of a certificate but the workers' (those are receipts). All are checked, also the
 * ones beyond a quorum: a byte that nobody looks at could be flipped (docs/protocol/certificate.md,
 * section 5 step 7).
 */
import { type Digest, SIGNATURE_BYTES } from '../base/ids.ts';
import { type Refusal, refuse } from '../base/verdict.ts';
import { commitSigningBytes } from '../consensus/messages.ts';
import { isAdmissibleKey, verifyEd25519 } from '../crypto/portable/ed25519.ts';
import { isSignedBy } from '../crypto/portable/signed.ts';
import { cadreEntryBody } from '../job/plan.ts';
import { encodeCanonical } from '../wire/cbor.ts';
import { TAGS } from '../wire/tags.ts';
import type { RosterView } from './check-roster.ts';
import type { Certificate } from './format.ts';

export interface SignedFacts {
  readonly certificate: Certificate;
  readonly planId: Digest;
  readonly cadreRoot: Digest;
  /** Seats that signed the commit, ascending. */
  readonly signers: readonly number[];
  readonly roster: RosterView;
}

/**
 * Reasons: `bad-job-signature`, `bad-commit-signature`, `bad-cadre-signature`,
 * `bad-advert-signature`, `inadmissible-key`.
 */
export function checkSignatures(facts: SignedFacts): Refusal | undefined {
  const { spec, signature } = facts.certificate.job;
  if (!isSignedBy(spec.requester, TAGS.signJobSpec, encodeCanonical(spec), signature)) {
    return refuse('bad-job-signature');
  }
  return checkCommitSignatures(facts) ?? checkEntrySignatures(facts) ?? checkAdverts(facts.roster);
}

function checkCommitSignatures(facts: SignedFacts): Refusal | undefined {
  const { planId, cadreRoot, signers, certificate } = facts;
  const { commit, cadre } = certificate;
  const message = commitSigningBytes({ planId, epoch: commit.epoch, cadreRoot }, commit);
  for (const [i, seat] of signers.entries()) {
    const signature = commit.sigs.subarray(i * SIGNATURE_BYTES, (i + 1) * SIGNATURE_BYTES);
    if (!verifyEd25519(cadre[seat]!.key, message, signature)) {
      return refuse('bad-commit-signature', 'reject', `seat ${seat}`);
    }
  }
  return undefined;
}

function checkEntrySignatures(facts: SignedFacts): Refusal | undefined {
  for (const { seat, node, key, signature } of facts.certificate.cadre) {
    const body = cadreEntryBody(facts.planId, seat, key);
    if (!isSignedBy(node, TAGS.signCadreEntry, body, signature)) {
      return refuse('bad-cadre-signature', 'reject', `seat ${seat}`);
    }
    if (!isAdmissibleKey(key)) return refuse('inadmissible-key', 'reject', `seat ${seat}`);
  }
  return undefined;
}

function checkAdverts(roster: RosterView): Refusal | undefined {
  for (const position of roster.positions) {
    const { advert, signature } = roster.at(position)!;
    if (!isSignedBy(advert.node, TAGS.signAdvert, encodeCanonical(advert), signature)) {
      return refuse('bad-advert-signature', 'reject', `roster position ${position}`);
    }
  }
  return undefined;
}
