/** The thread that computes pairings, so that the event loop does not (`bls-scheme.ts`). */
import { parentPort } from 'node:worker_threads';
import type { SignedBy } from '../portable/signature-scheme.ts';
import { type SignedTriple, verifyEach, verifySum } from './bls-math.ts';

export type BlsTask =
  | { readonly kind: 'each'; readonly triples: readonly SignedTriple[] }
  | { readonly kind: 'sum'; readonly signed: readonly SignedBy[]; readonly sum: Uint8Array };

parentPort?.on('message', (task: BlsTask) => {
  const answer =
    task.kind === 'each' ? verifyEach(task.triples) : [verifySum(task.signed, task.sum)];
  parentPort?.postMessage(answer);
});
