/**
 * Proof that a seat misbehaved: two messages of one kind and round, both signed by its key, that
 * say different things. Self-contained: whoever has the seats can check it. Carrying it in blocks
 * comes later; here it is found and judged. Design consensus.md section 1.12.
 */
import { equalBytes } from '../base/bytes.ts';
import type { SignedMessage } from './messages.ts';
import type { Domain } from './seats.ts';
import { type SignatureCheck, signedPart } from './signature-checks.ts';

export interface Equivocation {
  readonly kind: 'equivocation';
  readonly seat: number;
  /** The one that was counted. */
  readonly first: SignedMessage;
  readonly second: SignedMessage;
}

/**
 * The two signatures that must hold for this to be evidence; undefined when the messages do not
 * contradict each other whatever their signatures.
 */
export function checksOfEquivocation(
  domain: Domain,
  evidence: Equivocation,
): readonly [SignatureCheck, SignatureCheck] | undefined {
  const { first, second, seat } = evidence;
  if (first.kind !== second.kind) return undefined;
  const a = signedPart(domain, first);
  const b = signedPart(domain, second);
  if (a.seat !== seat || b.seat !== seat || a.round !== b.round) return undefined;
  return equalBytes(a.message, b.message) ? undefined : [a, b];
}
