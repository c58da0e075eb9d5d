/**
 * The one handler of the `train` protocol: decodes what peers say about trainings and hands it to
 * the coordinator it is for. Whatever is malformed costs the sender, never this node.
 */
import { toHex } from '../../base/bytes.ts';
import type { PeerId } from '../../base/ids.ts';
import type { Network, SignalOption } from '../../base/ports.ts';
import {
  decodeTrain,
  encodeTrain,
  refusedTrain,
  type TrainAnswer,
  type TrainRequest,
  trainRequestShape,
} from './train-messages.ts';

/** A training that is coordinated here. */
export interface CoordinatedTraining {
  answer(from: PeerId, request: TrainRequest, options: SignalOption): Promise<TrainAnswer>;
}

export class TrainingDesk {
  readonly name = 'training-desk';
  readonly #network: Network;
  readonly #trainings = new Map<string, CoordinatedTraining>();
  #unhandle: (() => void) | undefined;

  constructor(components: { readonly network: Network }) {
    this.#network = components.network;
  }

  async start(): Promise<void> {
    this.#unhandle = this.#network.handle('train', {
      request: (from, body, options) => this.#request(from, body, options),
    });
  }

  async stop(): Promise<void> {
    this.#unhandle?.();
  }

  /** Returns how to remove it. */
  add(id: Uint8Array, training: CoordinatedTraining): () => void {
    const key = toHex(id);
    this.#trainings.set(key, training);
    return () => this.#trainings.delete(key);
  }

  async #request(from: PeerId, body: Uint8Array, options: SignalOption): Promise<Uint8Array> {
    const request = decodeTrain(body, trainRequestShape);
    if (!request.ok) {
      const { penalty, reason, detail } = request;
      this.#network.penalise(from, penalty, `train-${reason}`);
      return encodeTrain(refusedTrain(reason, detail));
    }
    const { value } = request;
    const id = value.t === 'update' ? value.signed.statement.training : value.training;
    const training = this.#trainings.get(toHex(id));
    const answer = await training?.answer(from, value, options);
    return encodeTrain(answer ?? refusedTrain('unknown-training'));
  }
}
