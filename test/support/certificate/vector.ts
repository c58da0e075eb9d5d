/** How test vectors of certificates are written down, and the recipes that most of them bend. */
import { partOfRoster } from '../../../src/certificate/build.ts';
import type { Certificate } from '../../../src/certificate/format.ts';
import { blockId } from '../../../src/consensus/messages.ts';
import { planIdOf } from '../../../src/job/plan.ts';
import { encodeCanonical } from '../../../src/wire/cbor.ts';
import { type MadeCertificate, makeCertificate } from '../certificate-factory.ts';
import { type HeaderChain, headerChain } from './commit.ts';
import type { Bends, Recipe } from './recipe.ts';

export interface GoodVector {
  readonly name: string;
  readonly made: MadeCertificate;
}

export interface BadVector {
  readonly name: string;
  /** As in `verify`'s verdict. */
  readonly reason: string;
  readonly bytes: Uint8Array;
}

/** One seat, one replica, two shards: what most vectors bend. */
export const SMALL: Recipe = {
  label: 'small',
  nodes: 2,
  cadre: 1,
  replicas: 1,
  quorum: 1,
  shards: 2,
};

/** Four seats, two replicas. */
export const FULL: Recipe = { label: 'full', nodes: 6, replicas: 2, shards: 2 };

/** Room to keep cadre and workers apart. */
export const WIDE: Recipe = {
  label: 'wide',
  nodes: 8,
  cadre: 1,
  replicas: 1,
  quorum: 1,
  shards: 2,
};

export const bad = (name: string, reason: string, recipe: Recipe, bend: Bends): BadVector => ({
  name,
  reason,
  bytes: makeCertificate({ ...recipe, bend }).bytes,
});

export const edited = (
  name: string,
  reason: string,
  recipe: Recipe,
  certificate: (good: Certificate) => unknown,
): BadVector => ({
  name,
  reason,
  bytes: encodeCanonical(certificate(makeCertificate(recipe).certificate)),
});

/** The certificate with only the nodes that it needs. */
export function withPart(certificate: Certificate): Certificate {
  const { roster, cadre, epochs, job, plan } = certificate;
  if (roster.kind === 'part') return certificate;
  const positions = new Set<number>();
  const view = new DataView(certificate.results.workers.slice().buffer);
  for (let at = 0; at < view.byteLength; at += 2) positions.add(view.getUint16(at));
  return {
    ...certificate,
    roster: partOfRoster({
      epochs,
      package: {
        job,
        plan,
        roster: roster.adverts,
        skipped: [],
        cadre,
        requesterAddresses: [],
      },
      shards: [{ workers: [...positions] }],
    }),
  };
}

/** Two empty blocks over the result block; bend the chain with `edit`. */
export function withHeaders(recipe: Recipe, edit: Partial<HeaderChain> = {}) {
  let plan: Certificate['plan'] | undefined;
  let headers: ReturnType<typeof headerChain> = [];
  return makeCertificate({
    ...recipe,
    bend: {
      plan: (drafted) => {
        plan = drafted;
        return drafted;
      },
      commit: (commit) => {
        headers = headerChain(
          {
            planId: planIdOf(plan!),
            resultsRoot: commit.resultsRoot,
            height: commit.height + 3,
            blocks: 3,
            ...edit,
          },
          blockId,
        );
        return { ...commit, height: commit.height + 3, blockId: blockId(headers[0]!) };
      },
      certificate: (certificate) => ({ ...certificate, headers }),
    },
  });
}

export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
