/** Local training of the built-in models on rows that stay in this process. */
import { KadreError } from '../base/errors.ts';
import type { Random } from '../base/ports.ts';
import { ChaChaWords } from '../crypto/portable/chacha20.ts';
import type { Dataset } from '../federated/data/dataset.ts';
import { standardised } from '../federated/data/dataset.ts';
import type { Examples } from '../federated/model/model.ts';
import { parseModel } from '../federated/model/model-text.ts';
import { trainLocal } from '../federated/model/train-local.ts';
import type { TrainingPlan } from '../federated/round/training-plan.ts';
import type { LocalTraining } from '../roles/training/client.ts';

export type { Dataset };

const NANO = 1e9;

/** Rows as the plan's model wants them. Errors: USAGE, for data of another kind. */
export function datasetFor(plan: TrainingPlan, { features, labels }: Examples): Dataset {
  const featureCount = features.length / labels.length;
  const classCount = 1 + labels.reduce((most, label) => Math.max(most, label), 0);
  if (featureCount !== plan.features || classCount > plan.classes) {
    const message = `the data has ${featureCount} features and ${classCount} classes, the training ${plan.features} and ${plan.classes}`;
    throw new KadreError({ code: 'USAGE' }, message);
  }
  const { mean, deviation } = plan.spread;
  const spread = { mean: Number(mean), deviation: Number(deviation) };
  return standardised({ features, labels, featureCount, classCount }, spread);
}

/** Errors: USAGE for a model that this version does not have, or data of another kind. */
export function trainOn(
  data: Examples,
  { random }: { readonly random: Random },
): (plan: TrainingPlan) => LocalTraining {
  return (plan) => {
    const named = parseModel(plan.model, plan.features, plan.classes);
    if (!named.ok) {
      const advice = 'give `train` of your own';
      throw new KadreError({ code: 'USAGE', advice }, `no built-in model \`${plan.model}\``);
    }
    const dataset = datasetFor(plan, data);
    const { epochs, batch, rateNanos, momentumNanos } = plan.local;
    const [rate, momentum] = [rateNanos / NANO, momentumNanos / NANO];
    const options = { epochs, batch, rate, momentum, proximal: 0 };
    return async (model) => {
      const words = new ChaChaWords(random.bytes(32));
      const trained = trainLocal(named.value.model, model, dataset, { ...options, random: words });
      return { ...trained, weight: dataset.labels.length };
    };
  };
}
