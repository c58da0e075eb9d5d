/**
 * Every signature of a certificate but the workers' (those are receipts). All are checked, also the
 * ones beyond a quorum: a byte that nobody looks at could be flipped (docs/protocol/certificate.md,
 * section 5 step 7).
 */
import type { Digest } from '../base/ids.ts';
import { type Refusal, refuse } from '../base/verdict.ts';
import { isAdmissibleKey } from '../crypto/portable/ed25519.ts';
import { isSignedBy } from '../crypto/portable/signed.ts';
import { cadreEntryBody } from '../job/plan.ts';
import { encodeCanonical } from '../wire/cbor.ts';
import { TAGS } from '../wire/tags.ts';
import type { RosterView } from './check-roster.ts';
import { checkVotes, type EndedEpoch } from './epochs.ts';
import type { Certificate } from './format.ts';

export interface SignedFacts {
  readonly certificate: Certificate;
  readonly planId: Digest;
  /** Whose votes ended each epoch, the last one with the result. */
  readonly epochs: readonly EndedEpoch[];
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
  for (const epoch of facts.epochs) {
    const problem = checkVotes(facts.planId, epoch);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function checkEntrySignatures(facts: SignedFacts): Refusal | undefined {
  const { cadre, epochs } = facts.certificate;
  for (const { seat, node, key, signature } of [...cadre, ...epochs.map(({ entry }) => entry)]) {
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
