/** Seats given away in a made job: the words, the certified end of the epoch, the handover. */
import type { Signer } from '../../src/base/ports.ts';
import type { EpochLink } from '../../src/certificate/epochs.ts';
import type { Payload } from '../../src/consensus/application.ts';
import { commitSigningBytes } from '../../src/consensus/messages.ts';
import { rootsOf } from '../../src/consensus/roots.ts';
import { bitmapOf, quorumOf } from '../../src/consensus/seats.ts';
import type { CommitCert } from '../../src/consensus/types.ts';
import { signCadreEntry } from '../../src/job/build-plan.ts';
import { buildReplace, encodeRecord } from '../../src/job/build-record.ts';
import { type Cadre, cadreAfter, standInsLeft } from '../../src/job/cadre.ts';
import { checkRecord } from '../../src/job/ledger/check-record.ts';
import type { CadreEntry } from '../../src/job/plan.ts';
import type { LedgerRecord } from '../../src/job/records.ts';
import { type JobState, ledgerApplication, payloadOf } from '../../src/roles/ledger-application.ts';
import { ledgerSnapshots } from '../../src/roles/ledger-snapshots.ts';
import type { StoredHandover } from '../../src/store/plan-store.ts';
import { digestOf, signerNamed, type TestJob, unwrap } from './job-factory.ts';

/** A cadre of a made job and the keys of those who sit in it. */
export interface TestEpoch extends StoredHandover {
  readonly cadre: Cadre;
  readonly keys: readonly Signer[];
  readonly state: JobState;
}

export function firstEpoch(job: TestJob): TestEpoch {
  const state = ledgerApplication(job.plan).genesis;
  const cadre = cadreAfter(job.plan, []);
  return { cadre, keys: job.seatKeys, state, links: [], history: new Uint8Array(0) };
}

/** The `nth` of the ranks that never sat, for this seat. */
export function standInFor(
  job: TestJob,
  { state, cadre }: TestEpoch,
  { seat, nth = 0 }: { readonly seat: number; readonly nth?: number },
): { readonly entry: CadreEntry; readonly key: Signer } {
  const left = standInsLeft(job.plan, state.ledger.standIns);
  const node = job.identity(left[nth]!);
  const key = signerNamed(`stand-in ${cadre.epoch} ${nth}`);
  return { entry: signCadreEntry(node, job.plan.planId, seat, key.publicKey), key };
}

/** The word of a seat. */
export function wordOf(job: TestJob, epoch: TestEpoch, seat: number, entry: CadreEntry) {
  const scope = { planId: job.plan.planId, epoch: epoch.cadre.epoch };
  return buildReplace({ seat, signer: epoch.keys[seat] }, scope, entry);
}

export function payloadsOf(
  job: TestJob,
  { cadre }: Pick<TestEpoch, 'cadre'>,
  records: readonly LedgerRecord[],
): Payload[] {
  return records.map((record) => {
    const { bytes } = encodeRecord(record);
    return payloadOf(unwrap(checkRecord(job.plan, bytes, cadre.seats)), bytes);
  });
}

/** The cadre gives a seat away; `before`: records of an earlier block. */
export function giveAway(
  job: TestJob,
  epoch: TestEpoch,
  seat: number,
  before: readonly LedgerRecord[] = [],
): TestEpoch {
  const { plan } = job;
  const { entry, key } = standInFor(job, epoch, { seat });
  const words = [0, 1, 2, 3].filter((other) => other !== seat).slice(0, plan.f + 1);
  const start = { epoch: epoch.cadre.epoch, state: epoch.state };
  const application = ledgerApplication(plan, start);
  const first = unwrap(application.execute(epoch.state, payloadsOf(job, epoch, before)));
  const records = words.map((other) => wordOf(job, epoch, other, entry));
  const executed = unwrap(application.execute(first.state, payloadsOf(job, epoch, records)));
  const link = { commit: certify(job, epoch, rootsOf(executed)), entry };
  return {
    cadre: cadreAfter(plan, executed.state.ledger.standIns),
    keys: epoch.keys.with(seat, key),
    state: executed.state,
    links: [...epoch.links, link],
    history: ledgerSnapshots(plan).encode(executed.state),
  };
}

/** A certificate of this epoch over these roots, by the first q seats or by those named. */
export function certify(
  { plan }: TestJob,
  { cadre, keys }: Pick<TestEpoch, 'cadre' | 'keys'>,
  roots: ReturnType<typeof rootsOf>,
  voters = keys.slice(0, quorumOf(keys.length)).map((_, seat) => seat),
): CommitCert {
  const { epoch, cadreRoot } = cadre;
  const body = { epoch, round: 9, height: 7, blockId: digestOf(epoch), ...roots };
  const message = commitSigningBytes({ planId: plan.planId, epoch, cadreRoot }, body);
  const sigs = Buffer.concat(voters.map((seat) => keys[seat]!.sign(message)));
  return { ...body, signers: bitmapOf(voters, keys.length), sigs: Uint8Array.from(sigs) };
}

/** The link with something else in its certificate, signed again. */
export function recertified(
  job: TestJob,
  epoch: TestEpoch,
  link: EpochLink,
  edit: (commit: CommitCert) => CommitCert,
): EpochLink {
  const { commit } = link;
  return { ...link, commit: certify(job, epoch, rootsOf(edit(commit))) };
}
