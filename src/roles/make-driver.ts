/** Wires a consensus replica for one plan: seats from the plan, messages over the network port. */
import { toHex } from '../base/bytes.ts';
import { type PeerId, peerIdOf } from '../base/ids.ts';
import type { Clock, Logger, Network, Random, SignatureVerifier, Signer } from '../base/ports.ts';
import { type ConsensusDriver, createDriver } from '../consensus/driver.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import type { CadreMember } from './cadre-member.ts';
import { sealEnvelope } from './envelope.ts';
import { type JobState, ledgerApplication } from './ledger-application.ts';
import type { EpochSeat } from './member-epochs.ts';

export interface MakeDriverComponents {
  readonly network: Network;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly verifier: SignatureVerifier;
}

export interface MakeDriverInit {
  readonly plan: OpenPlan;
  readonly seat: number;
  readonly planKey: Signer;
  readonly member: CadreMember;
  readonly at: EpochSeat;
}

/**
 * How long a leader waits for more records than it has. It waits only while the ledger still awaits
 * some, and a block that is spared costs every member more than this.
 */
const BATCH_DELAY_MS = 25;

export function makeDriver(
  components: MakeDriverComponents,
  init: MakeDriverInit,
): ConsensusDriver<JobState> {
  const { network, clock, random, log, verifier } = components;
  const { plan, member, at } = init;
  const { epoch, seats, cadreRoot } = at.cadre;
  const peers: PeerId[] = seats.map((entry) => peerIdOf(entry.node));
  const planId = toHex(plan.planId);
  const driver = createDriver<JobState>(
    {
      application: ledgerApplication(plan, at.start),
      clock,
      random,
      log,
      verifier,
      signer: init.planKey,
      wal: at.log.wal,
      send: (seat, message) =>
        network.send(
          peers[seat]!,
          'consensus',
          sealEnvelope({ planId: plan.planId, epoch, message }),
        ),
      checkPayload: (bytes) => member.checkPayload(bytes),
    },
    {
      seats: {
        planId: plan.planId,
        cadreRoot,
        epoch,
        ...(at.start && { origin: at.start.state.ledger.stateRoot }),
        self: init.seat,
        seats: seats.map((entry, seat) => ({
          nodeId: entry.node,
          peerId: peers[seat]!,
          key: entry.key,
        })),
      },
      records: at.log.records,
      keyIsNew: at.keyIsNew,
      keyIsInLog: true,
      pacemaker: { batchDelayMs: BATCH_DELAY_MS },
      onFatal: (error) =>
        log.log('error', 'replica-stopped', { planId, code: error.code, message: error.message }),
      onMisbehaviour: (seat, refusal) =>
        network.penalise(peers[seat]!, refusal.penalty, refusal.reason),
      onHeard: (seat) => member.heard(seat),
      onEvidence: ({ seat, fault }) => {
        log.log('warn', 'member-at-fault', { planId, peer: peers[seat], fault });
        network.penalise(peers[seat]!, 'reject', fault);
      },
    },
  );
  driver.onCommit((commit) => {
    const { height } = commit;
    log.log('debug', 'block-final', { planId, epoch, height, blockId: toHex(commit.blockId) });
    member.committed(commit);
  });
  return driver;
}
