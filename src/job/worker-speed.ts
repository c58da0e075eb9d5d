/**
 * Who may work on a job, and how fast it says it is: the one rule behind a plan's candidates and a
 * certificate's check of them (docs/protocol/job.md, "Plan").
 */
import { equalBytes } from '../base/bytes.ts';
import type { Advert } from '../swarm/advert.ts';
import { offersFor } from '../swarm/requirement.ts';
import type { JobSpec } from './spec.ts';

/** Operations per second of its fastest fitting offer; undefined: it is no candidate. */
export function workerSpeed(
  advert: Pick<Advert, 'roles' | 'devices' | 'kernels'>,
  spec: Pick<JobSpec, 'kernel' | 'kernelDigest' | 'requires'>,
): number | undefined {
  const offers = offersFor(advert, spec.kernel, spec.requires).filter(({ digest }) =>
    equalBytes(digest, spec.kernelDigest),
  );
  return offers.length === 0 ? undefined : Math.max(...offers.map(({ speed }) => speed));
}
