/**
 * Certificates that must be accepted, and certificates that must each be refused for its own
 * reason. Everything behind the one bent step is hashed and signed anew, so only that step is
 * wrong. `scripts/vectors/certificate.ts` writes them to `test/vectors/certificate.json`.
 */
import { cadreVectors, commitVectors } from './certificate/cadre-vectors.ts';
import { epochVectors } from './certificate/epoch-vectors.ts';
import { formatVectors, rosterVectors, specVectors } from './certificate/plan-vectors.ts';
import { receiptVectors, regionVectors, workerVectors } from './certificate/result-vectors.ts';
import type { BadVector } from './certificate/vector.ts';

export function badVectors(): BadVector[] {
  return [
    ...formatVectors(),
    ...specVectors(),
    ...rosterVectors(),
    ...cadreVectors(),
    ...commitVectors(),
    ...epochVectors(),
    ...regionVectors(),
    ...workerVectors(),
    ...receiptVectors(),
  ];
}

export { askedVectors } from './certificate/asked-vectors.ts';
export { goodVectors } from './certificate/good-vectors.ts';
export { withPart } from './certificate/vector.ts';
