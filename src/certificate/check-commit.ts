/**
 * The commit certificate and the headers behind it, without signatures: who signed, whether that is
 * a quorum, and what they signed for (docs/protocol/certificate.md, section 5 step 5).
 */
import { equalBytes } from '../base/bytes.ts';
import { type Digest, SIGNATURE_BYTES, ZERO_DIGEST } from '../base/ids.ts';
import { accept, type Checked, type Refusal, refuse } from '../base/verdict.ts';
import { blockId } from '../consensus/messages.ts';
import { quorumOf, seatsOf } from '../consensus/seats.ts';
import type { Block, CommitCert } from '../consensus/types.ts';

/**
 * The seats that signed the result, ascending. Reasons: those of `checkSigners`, `wrong-next-cadre`
 * where the epoch did not end with a result, `no-result`.
 */
export function checkCommit(
  commit: CommitCert,
  seatCount: number,
  epoch: number,
): Checked<readonly number[]> {
  const signers = checkSigners(commit, seatCount, epoch);
  if (!signers.ok) return signers;
  if (commit.nextCadreRoot !== undefined) return refuse('wrong-next-cadre');
  return equalBytes(commit.resultsRoot, ZERO_DIGEST) ? refuse('no-result') : signers;
}

/**
 * The seats that signed, ascending. Reasons: `wrong-epoch`, `bad-signer-bitmap`,
 * `wrong-signature-count`, `too-few-signers`.
 */
export function checkSigners(
  commit: CommitCert,
  seatCount: number,
  epoch: number,
): Checked<readonly number[]> {
  if (commit.epoch !== epoch) return refuse('wrong-epoch');
  const signers = seatsOf(commit.signers, seatCount);
  if (signers === undefined) return refuse('bad-signer-bitmap');
  if (commit.sigs.length !== signers.length * SIGNATURE_BYTES) {
    return refuse('wrong-signature-count');
  }
  if (signers.length < quorumOf(seatCount)) return refuse('too-few-signers');
  return accept(signers);
}

/**
 * Newest first, each named by what comes before it: hash links need no signatures. Reasons:
 * `broken-header-link`, `wrong-header-height`, `header-of-other-plan`, `header-of-other-result`.
 */
export function checkHeaders(
  headers: readonly Block[],
  commit: CommitCert,
  planId: Digest,
): Refusal | undefined {
  let expectedId = commit.blockId;
  let expectedHeight = commit.height;
  for (const header of headers) {
    if (!equalBytes(blockId(header), expectedId)) return refuse('broken-header-link');
    if (header.height !== expectedHeight) return refuse('wrong-header-height');
    if (!equalBytes(header.planId, planId)) return refuse('header-of-other-plan');
    if (!equalBytes(header.resultsRoot, commit.resultsRoot)) {
      return refuse('header-of-other-result');
    }
    expectedId = header.parentId;
    expectedHeight -= 1;
  }
  return undefined;
}
