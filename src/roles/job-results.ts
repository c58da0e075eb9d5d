/**
 * From the end of a job to where its output pieces are: through a certificate that was checked
 * here, or, when the cadre was off, from this requester's own ledger.
 */
import { equalBytes } from '../base/bytes.ts';
import { asKadreError, KadreError } from '../base/errors.ts';
import { type PeerId, peerIdOf } from '../base/ids.ts';
import type { Clock, Network, SignalOption } from '../base/ports.ts';
import { sleep } from '../base/signals.ts';
import { fetchBlobs } from '../blob/fetch-small.ts';
import { type OpenedCertificate, openCertificate } from '../certificate/open.ts';
import type { LedgerState } from '../job/ledger/ledger-state.ts';
import { acceptedDigests, agreeingWorkers } from '../job/ledger/read-ledger.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import type { Piece } from './collect.ts';
import { decodeMessage, encodeMessage, jobAnswerShape } from './job-messages.ts';
import type { JudgeList } from './judges.ts';
import type { BelievedOutcome } from './outcome-votes.ts';

export interface JobResults {
  /** The file's bytes, verified; null when the cadre was off. */
  readonly certificate: Uint8Array | null;
  readonly receipts: 'checked' | 'attested' | 'none';
  readonly pieces: readonly Piece[];
  /** Accepted shards per worker. */
  readonly shardsOf: ReadonlyMap<PeerId, number>;
}

/** A cadre may lose power just after it said how the job ended: members restart in this time. */
const PATIENCE_MS = 20_000;
const PAUSE_MS = 250;
const PAUSE_MS_MAX = 4_000;

/**
 * Asks the judges that were believed, then the others, and again for a while those who gave no
 * answer. Errors: CERTIFICATE_INVALID when all offer what does not hold, CADRE_LOST when those that
 * could offer a better one have none any more.
 */
export async function fetchCertificate(
  { network, clock }: { readonly network: Network; readonly clock: Clock },
  { plan, peers }: Pick<JudgeList, 'plan' | 'peers'>,
  believed: Pick<BelievedOutcome, 'judges'>,
  options: SignalOption,
): Promise<JobResults> {
  const judges = [...new Set([...believed.judges, ...peers])];
  const untilMs = clock.monotonicMs() + PATIENCE_MS;
  for (let pauseMs = PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX)) {
    const asked = await askForCertificate(network, plan, judges, options);
    if ('results' in asked) return asked.results;
    const { failures, mayComeBack } = asked;
    if (!mayComeBack || clock.monotonicMs() + pauseMs > untilMs) {
      const code = mayComeBack ? 'CADRE_LOST' : 'CERTIFICATE_INVALID';
      throw new KadreError(
        { code, data: { failures } },
        `no member offers a valid certificate: ${failures.join('; ')}`,
      );
    }
    await sleep(clock, pauseMs, options);
  }
}

type Asked =
  | { readonly results: JobResults }
  | {
      readonly failures: readonly string[];
      /** Some member said nothing, rather than something wrong. */
      readonly mayComeBack: boolean;
    };

/** One member after the other. */
async function askForCertificate(
  network: Network,
  plan: OpenPlan,
  judges: readonly PeerId[],
  options: SignalOption,
): Promise<Asked> {
  const failures: string[] = [];
  let mayComeBack = false;
  for (const judge of judges) {
    try {
      const encoded = await certificateFrom(network, judge, plan, options);
      const opened = openCertificate(encoded);
      const problem = opened.ok ? mismatch(plan, opened.value) : opened.reason;
      if (opened.ok && problem === undefined) {
        return { results: certified(plan, encoded, opened.value) };
      }
      failures.push(`${judge}: ${problem}`);
    } catch (cause) {
      if (options.signal?.aborted) throw cause;
      mayComeBack = true;
      failures.push(`${judge}: ${asKadreError(cause, 'PEER_UNREACHABLE', 'fetch').message}`);
    }
  }
  return { failures, mayComeBack };
}

/** From a certificate that was verified and kept. Errors: CERTIFICATE_INVALID. */
export function certifiedResults(plan: OpenPlan, certificate: Uint8Array): JobResults {
  const opened = openCertificate(certificate);
  const problem = opened.ok ? mismatch(plan, opened.value) : opened.reason;
  if (opened.ok && problem === undefined) return certified(plan, certificate, opened.value);
  throw new KadreError({ code: 'CERTIFICATE_INVALID' }, `the stored certificate: ${problem}`);
}

/** A small certificate comes inside the answer, a large one as a blob. */
async function certificateFrom(
  network: Network,
  judge: PeerId,
  plan: OpenPlan,
  options: SignalOption,
): Promise<Uint8Array> {
  const body = encodeMessage({ t: 'certificate', planId: plan.planId });
  const answer = decodeMessage(await network.request(judge, 'job', body, options), jobAnswerShape);
  if (!answer.ok || answer.value.t !== 'certificate') {
    const why = answer.ok && answer.value.t === 'refused' ? answer.value.reason : 'wrong answer';
    throw new KadreError({ code: 'PEER_REFUSED', peer: judge }, why);
  }
  const { root, size, content } = answer.value;
  if (content !== undefined) return content;
  const [fetched] = await fetchBlobs(network, [judge], [{ root, bytes: size }], options);
  return fetched!;
}

function mismatch(plan: OpenPlan, opened: OpenedCertificate): string | undefined {
  if (!equalBytes(opened.jobId, plan.jobId)) return 'certificate of another job';
  return equalBytes(opened.planId, plan.planId) ? undefined : 'certificate of another plan';
}

function certified(plan: OpenPlan, certificate: Uint8Array, opened: OpenedCertificate): JobResults {
  const { receipts, results } = opened;
  const accepted = Array.from({ length: plan.spec.shards }, (_, shard) => ({
    workers: opened.workersOf(shard).map(peerIdOf),
    digests: plan.kernel.outputs.map((__, output) => results.digest(shard, output)),
  }));
  return { certificate, receipts, ...piecesOf(plan, accepted) };
}

/** Results of a ledger that this requester ran alone. */
export function localResults(plan: OpenPlan, state: LedgerState): JobResults {
  const accepted = Array.from({ length: plan.spec.shards }, (_, shard) => {
    const digests = acceptedDigests(plan, state, shard)!;
    return {
      workers: agreeingWorkers(plan, state, shard).map((worker) => peerIdOf(plan.nodes[worker]!)),
      digests: plan.kernel.outputs.map((__, i) => digests.subarray(i * 32, i * 32 + 32)),
    };
  });
  return { certificate: null, receipts: 'none', ...piecesOf(plan, accepted) };
}

function piecesOf(
  plan: OpenPlan,
  accepted: readonly { workers: readonly PeerId[]; digests: readonly Uint8Array[] }[],
): Pick<JobResults, 'pieces' | 'shardsOf'> {
  const shardsOf = new Map<PeerId, number>();
  const pieces: Piece[] = [];
  accepted.forEach(({ workers, digests }, shard) => {
    for (const worker of workers) shardsOf.set(worker, (shardsOf.get(worker) ?? 0) + 1);
    const regions = plan.kernel.regions(plan.spec.shards, shard);
    for (const [output, region] of regions.entries()) {
      pieces.push({ output, region, digest: digests[output]!, holders: workers });
    }
  });
  return { pieces, shardsOf };
}
