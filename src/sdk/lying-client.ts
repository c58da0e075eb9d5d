/**
 * Clients that lie, for experiments and demonstrations: what one of them can do who sees nothing
 * but its own update (docs/protocol/federated-rules.md, section 8, lists all attacks).
 */
import { attackOf } from '../federated/attack/attack.ts';
import type { Examples } from '../federated/model/model.ts';
import { type LocalTraining, updateOf } from '../roles/training/client.ts';

export const LYING_WAYS = [
  'label-flip',
  'sign-flip',
  'ipm-strong',
  'huge',
  'negative-zero',
  'weight-inflation',
  'residual-bomb',
] as const;
export type LyingWay = (typeof LYING_WAYS)[number];

/** Rows with labels as the liar trains on them. */
export function turnedLabels(way: LyingWay, rows: Examples): Examples {
  const { label } = attackOf(way);
  if (label === undefined) return rows;
  const classes = 1 + rows.labels.reduce((most, one) => Math.max(most, one), 0);
  return { ...rows, labels: rows.labels.map((one) => label(one, classes)) };
}

/** Trains like the given one, and sends something else. */
export function lying(way: LyingWay, train: LocalTraining): LocalTraining {
  const { update, weight } = attackOf(way);
  return async (model, context) => {
    const honest = updateOf(await train(model, context), model.length);
    const view = { own: honest.delta, honest: [honest.delta], faulty: 1, round: context.round };
    const claimed = honest.weight ?? 1;
    return {
      ...honest,
      delta: update?.(view) ?? honest.delta,
      weight: weight?.(claimed, context.plan.weightMax) ?? claimed,
    };
  };
}
