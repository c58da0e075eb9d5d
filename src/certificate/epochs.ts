/**
 * The epoch chain: each time a seat went to a stand-in, the cadre of that epoch certified the root
 * of the next one. From the plan's cadre and these links follows who could sign the result
 * (docs/protocol/certificate.md, section 5 step 5). Members prove their epoch to each other so too.
 */
import { equalBytes } from '../base/bytes.ts';
import { type Digest, SIGNATURE_BYTES } from '../base/ids.ts';
import { accept, type Checked, type Refusal, refuse } from '../base/verdict.ts';
import { commitSigningBytes } from '../consensus/messages.ts';
import { type CommitCert, commitCertShape } from '../consensus/types.ts';
import { verifyEd25519 } from '../crypto/portable/ed25519.ts';
import { seatsAfter } from '../job/cadre.ts';
import { type CadreEntry, cadreEntryShape, cadreRootOf } from '../job/plan.ts';
import { type Infer, struct } from '../wire/shape.ts';
import { checkSigners } from './check-commit.ts';

export const epochLinkShape = struct({
  /** Of the block that ended the epoch, or of an empty one on it. */
  commit: commitCertShape,
  /** Who took which seat. */
  entry: cadreEntryShape,
});
export type EpochLink = Infer<typeof epochLinkShape>;

/** A cadre, and what its members signed when another took its place. */
export interface EndedEpoch {
  readonly epoch: number;
  readonly seats: readonly CadreEntry[];
  readonly cadreRoot: Digest;
  readonly commit: CommitCert;
  /** Seats that signed, ascending. */
  readonly signers: readonly number[];
}

export interface EpochChain {
  readonly ended: readonly EndedEpoch[];
  /** The epoch that the chain leads to. */
  readonly last: Pick<EndedEpoch, 'epoch' | 'seats' | 'cadreRoot'>;
}

/**
 * Follows the links without checking a signature. Entries name seats of the cadre. Reasons: those
 * of `checkSigners`, and `wrong-next-cadre`.
 */
export function followEpochs(
  first: readonly CadreEntry[],
  links: readonly EpochLink[],
): Checked<EpochChain> {
  const ended: EndedEpoch[] = [];
  let seats = first;
  let cadreRoot = cadreRootOf(first);
  for (const [epoch, { commit, entry }] of links.entries()) {
    const signers = checkSigners(commit, first.length, epoch);
    if (!signers.ok) return signers;
    ended.push({ epoch, seats, cadreRoot, commit, signers: signers.value });
    seats = seatsAfter(seats, [entry]);
    cadreRoot = cadreRootOf(seats);
    const named = commit.nextCadreRoot;
    if (named === undefined || !equalBytes(named, cadreRoot)) return refuse('wrong-next-cadre');
  }
  return accept({ ended, last: { epoch: links.length, seats, cadreRoot } });
}

/** Reason: `bad-commit-signature`. All signatures are checked, also those beyond a quorum. */
export function checkVotes(
  planId: Digest,
  { epoch, seats, cadreRoot, commit, signers }: EndedEpoch,
): Refusal | undefined {
  const message = commitSigningBytes({ planId, epoch, cadreRoot }, commit);
  for (const [i, seat] of signers.entries()) {
    const signature = commit.sigs.subarray(i * SIGNATURE_BYTES, (i + 1) * SIGNATURE_BYTES);
    if (!verifyEd25519(seats[seat]!.key, message, signature)) {
      return refuse('bad-commit-signature', 'reject', `epoch ${epoch}, seat ${seat}`);
    }
  }
  return undefined;
}
