/**
 * From a training's id to its coordinator, for whoever knows nothing else: it announces itself in
 * the directory and shows the plan, of which the id is the hash.
 */
import { equalBytes, toHex } from '../../base/bytes.ts';
import { KadreError } from '../../base/errors.ts';
import { type Digest, type PeerId, peerIdOf } from '../../base/ids.ts';
import type { Directory, Logger, Network, SignalOption } from '../../base/ports.ts';
import { throwIfAborted } from '../../base/signals.ts';
import { type OpenTraining, openTraining } from '../../federated/round/training-plan.ts';
import { decodeTrain, encodeTrain, trainAnswerShape } from './train-messages.ts';

export interface LocateTrainingComponents {
  readonly network: Network;
  readonly directory: Directory;
  readonly log: Logger;
}

export interface LocatedTraining {
  readonly coordinator: PeerId;
  readonly training: OpenTraining;
}

const PEERS_MAX = 64;
const ASK_TIMEOUT_MS = 5_000;

/** The directory's class of a training. */
export const trainingClass = (id: string): string => `train/${id}`;

/** Errors: TRAINING_UNKNOWN. */
export async function locateTraining(
  components: LocateTrainingComponents,
  id: Digest,
  options: SignalOption,
): Promise<LocatedTraining> {
  const { network, directory } = components;
  const asked = new Set<PeerId>();
  const ask = async (peer: PeerId) => {
    if (asked.has(peer)) return undefined;
    asked.add(peer);
    return askForPlan(components, peer, id, options);
  };
  const hints = directory.find(trainingClass(toHex(id)), { ...options, max: PEERS_MAX });
  for await (const { peer, addresses } of hints) {
    await network.addAddresses(peer, addresses);
    const found = await ask(peer);
    if (found !== undefined) return found;
  }
  // One that began a moment ago, or a directory that is still young.
  for (const peer of network.connectedPeers().slice(0, PEERS_MAX)) {
    const found = await ask(peer);
    if (found !== undefined) return found;
  }
  throw new KadreError(
    { code: 'TRAINING_UNKNOWN', data: { asked: asked.size } },
    `none of ${asked.size} peers coordinates the training ${toHex(id)}`,
  );
}

async function askForPlan(
  { network, log }: LocateTrainingComponents,
  peer: PeerId,
  id: Digest,
  options: SignalOption,
): Promise<LocatedTraining | undefined> {
  const body = encodeTrain({ t: 'plan', training: id });
  try {
    const request = { ...options, timeoutMs: ASK_TIMEOUT_MS };
    const bytes = await network.request(peer, 'train', body, request);
    const answer = decodeTrain(bytes, trainAnswerShape);
    if (!answer.ok || answer.value.t !== 'plan') return undefined;
    const training = openTraining(answer.value.plan);
    if (!training.ok || !equalBytes(training.value.id, id)) {
      log.log('info', 'plan-refused', { peer, reason: training.ok ? 'other-id' : training.reason });
      return undefined;
    }
    // Whoever repeats the plan of another is no coordinator of it.
    const coordinator = peerIdOf(training.value.plan.coordinator);
    return coordinator === peer ? { coordinator, training: training.value } : undefined;
  } catch (cause) {
    throwIfAborted(options.signal);
    log.log('debug', 'locate-training-failed', { peer, cause: String(cause) });
    return undefined;
  }
}
