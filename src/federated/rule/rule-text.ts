/**
 * The grammar of `--aggregator`: `bucket:2+centered-clip:steps=3,radius=median`
 * (docs/protocol/federated-rules.md, section 10).
 */
import { accept, type Checked, refuse } from '../../base/verdict.ts';
import { type Argument, formatSpecs, parseSpecs, type Spec, type SpecTable } from '../spec-text.ts';
import {
  type FinalRule,
  type KeepingStage,
  type Pipeline,
  STAGES_MAX,
  STEPS_MAX,
  UPDATES_MAX,
} from './pipeline.ts';

const FAULTY: Argument = { key: 'faulty', kind: 'integer', min: 0, max: 255 };
/** Billionths: a length below 2^23 fits the coarsest fixed point. */
const LENGTH = { kind: 'decimal', min: 1, max: 8_000_000 * 1e9 } as const;
const steps = (fallback: number): Argument => ({
  key: 'steps',
  kind: 'integer',
  min: 1,
  max: STEPS_MAX,
  default: fallback,
});

const KEEPING: SpecTable = {
  'norm-bound': [{ key: 'length', ...LENGTH }],
  nnm: [FAULTY],
  bucket: [{ key: 'size', kind: 'integer', min: 1, max: 64, default: 2 }],
};

const FINAL: SpecTable = {
  mean: [],
  median: [],
  'trimmed-mean': [FAULTY],
  krum: [FAULTY],
  'multi-krum': [FAULTY, { key: 'keep', kind: 'integer', min: 0, max: UPDATES_MAX, default: 0 }],
  bulyan: [FAULTY],
  'geometric-median': [steps(8)],
  'centered-clip': [steps(3), { key: 'radius', ...LENGTH, default: 'median', word: 'median' }],
};

const ALL: SpecTable = { ...KEEPING, ...FINAL };

/** Reason `bad-spec`; the detail says what is wrong and what would do. */
export function parsePipeline(text: string): Checked<Pipeline> {
  const parsed = parseSpecs(text, ALL);
  if (!parsed.ok) return parsed;
  const specs = parsed.value;
  const isKeeping = specs.map(({ name }) => Object.hasOwn(KEEPING, name));
  if (isKeeping.at(-1) !== false) {
    return refuse('bad-spec', 'reject', `ends with a rule: ${Object.keys(FINAL).join(', ')}`);
  }
  if (isKeeping.indexOf(false) !== specs.length - 1) {
    return refuse('bad-spec', 'reject', 'only the last of a pipeline is a rule');
  }
  if (specs.length > STAGES_MAX + 1) {
    return refuse('bad-spec', 'reject', `over ${STAGES_MAX} stages`);
  }
  const stages = specs.slice(0, -1) as unknown as KeepingStage[];
  return accept({ stages, last: specs.at(-1) as unknown as FinalRule });
}

/** The one spelling that a plan is hashed with. */
export function formatPipeline({ stages, last }: Pipeline): string {
  return formatSpecs([...stages, last] as unknown as Spec[], ALL);
}
