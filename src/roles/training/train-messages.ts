/**
 * What coordinators and clients of a training say to each other, over the `train` protocol
 * (docs/protocol/federated-round.md, section 9). Models and updates travel as blobs.
 */
import { DIGEST_BYTES } from '../../base/ids.ts';
import type { Checked } from '../../base/verdict.ts';
import { signedStatementShape } from '../../federated/round/statement.ts';
import { PLAN_BYTES_MAX, ROUNDS_MAX } from '../../federated/round/training-plan.ts';
import { UPDATES_MAX } from '../../federated/rule/pipeline.ts';
import { decodeCanonical, encodeCanonical } from '../../wire/cbor.ts';
import {
  boolean,
  bytes,
  bytesUpTo,
  type Infer,
  integer,
  oneOf,
  type Shape,
  struct,
  text,
  variant,
} from '../../wire/shape.ts';

export const TICKET_BYTES = 16;

const training = bytes(DIGEST_BYTES);
const round = integer(0, ROUNDS_MAX);
const clients = integer(0, UPDATES_MAX);

export const trainRequestShape = variant('t', {
  plan: struct({ t: oneOf('plan'), training }),
  /** Enrols. `seen`: ticket of the round that the client has worked on; empty at first. */
  round: struct({ t: oneOf('round'), training, seen: bytesUpTo(TICKET_BYTES) }),
  update: struct({ t: oneOf('update'), signed: signedStatementShape }),
  status: struct({ t: oneOf('status'), training }),
});
export type TrainRequest = Infer<typeof trainRequestShape>;

export const trainAnswerShape = variant('t', {
  plan: struct({ t: oneOf('plan'), plan: bytesUpTo(PLAN_BYTES_MAX) }),
  open: struct({
    t: oneOf('open'),
    ticket: bytes(TICKET_BYTES),
    round,
    parent: bytes(DIGEST_BYTES),
    state: bytes(DIGEST_BYTES),
    /** The asking client's update is in the last record. */
    counted: boolean,
  }),
  wait: struct({ t: oneOf('wait') }),
  ended: struct({ t: oneOf('ended'), rounds: round }),
  taken: struct({ t: oneOf('taken') }),
  status: struct({
    t: oneOf('status'),
    /** The one that is open, or the number of all when it has ended. */
    round,
    rounds: round,
    clients,
    /** Of the open round. */
    updates: clients,
    isEnded: boolean,
  }),
  refused: struct({ t: oneOf('refused'), reason: text(64), detail: text(256) }),
});
export type TrainAnswer = Infer<typeof trainAnswerShape>;

const MESSAGE_BYTES_MAX = PLAN_BYTES_MAX + 1024;

export const encodeTrain = (message: TrainRequest | TrainAnswer): Uint8Array =>
  encodeCanonical(message);

export function decodeTrain<T>(body: Uint8Array, shape: Shape<T>): Checked<T> {
  return decodeCanonical(body, shape, MESSAGE_BYTES_MAX);
}

export function refusedTrain(reason: string, detail = ''): TrainAnswer {
  return { t: 'refused', reason, detail: detail.slice(0, 256) };
}
