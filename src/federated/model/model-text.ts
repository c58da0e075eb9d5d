/**
 * The text form of `--model`: `logreg`, `mlp:hidden=64`,
 * `cnn:filters=8,height=8,width=8,channels=1`, in the grammar of docs/protocol/federated-rules.md
 * section 10.
 */
import { accept, type Checked, refuse } from '../../base/verdict.ts';
import { type Argument, formatSpecs, parseSpecs, type SpecTable } from '../spec-text.ts';
import { logisticRegression, type Model, perceptron, smallConvolutional } from './model.ts';

const count = (key: string, min: number, max: number, fallback: number): Argument => {
  return { key, kind: 'integer', min, max, default: fallback };
};

const MODELS: SpecTable = {
  logreg: [],
  mlp: [count('hidden', 1, 65_536, 64)],
  cnn: [
    count('filters', 1, 256, 8),
    count('height', 2, 4096, 8),
    count('width', 2, 4096, 8),
    count('channels', 1, 64, 1),
  ],
};

export interface NamedModel {
  /** Canonical: every argument named. */
  readonly text: string;
  readonly model: Model;
}

/** Reason `bad-spec`: unknown, out of range, or an image that is not the data's size. */
export function parseModel(text: string, features: number, classes: number): Checked<NamedModel> {
  const parsed = parseSpecs(text, MODELS);
  if (!parsed.ok) return parsed;
  const [spec, ...others] = parsed.value;
  if (spec === undefined || others.length > 0) return refuse('bad-spec', 'reject', 'one model');
  const of = (key: string) => spec[key] as number;
  const name = (model: Model) => accept({ text: formatSpecs([spec], MODELS), model });
  if (spec.name === 'logreg') return name(logisticRegression(features, classes));
  if (spec.name === 'mlp') return name(perceptron(features, of('hidden'), classes));
  const image = { channels: of('channels'), height: of('height'), width: of('width') };
  const { channels, height, width } = image;
  if (height % 2 !== 0 || width % 2 !== 0 || channels * height * width !== features) {
    const size = `${channels} x ${height} x ${width}`;
    return refuse('bad-spec', 'reject', `cnn: even sides, ${size} in all ${features} features`);
  }
  return name(smallConvolutional(image, of('filters'), classes));
}
