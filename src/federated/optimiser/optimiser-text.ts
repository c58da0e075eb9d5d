/**
 * The text form of optimisers: `nesterov:rate=0.7,momentum=0.9` (federated-rules.md, section 10).
 */
import { accept, type Checked, refuse } from '../../base/verdict.ts';
import { type Argument, formatSpecs, parseSpecs, type Spec, type SpecTable } from '../spec-text.ts';
import type { Optimiser } from './optimiser.ts';

const NANO = 1e9;
const rate = (max: number, fallback: number): Argument => ({
  key: 'rate',
  kind: 'decimal',
  min: 1,
  max: max * NANO,
  default: fallback * NANO,
});
const decay = (key: string, fallback: number): Argument => ({
  key,
  kind: 'decimal',
  min: 0,
  max: NANO,
  default: fallback * NANO,
});

/** 2^25 units or less at 24 fraction bits; `checkOptimiser` looks at the plan's own. */
const ADAPTIVE: readonly Argument[] = [
  rate(2, 0.01),
  decay('beta1', 0.9),
  decay('beta2', 0.99),
  { key: 'tau', kind: 'decimal', min: 1, max: 2 * NANO, default: 0.001 * NANO },
];

const OPTIMISERS: SpecTable = {
  fedavg: [rate(2, 1)],
  nesterov: [rate(2, 0.7), decay('momentum', 0.9)],
  fedadam: ADAPTIVE,
  fedyogi: ADAPTIVE,
};

/** Reason `bad-spec`. */
export function parseOptimiser(text: string): Checked<Optimiser> {
  const parsed = parseSpecs(text, OPTIMISERS);
  if (!parsed.ok) return parsed;
  const [only, ...others] = parsed.value;
  if (others.length > 0) return refuse('bad-spec', 'reject', 'one optimiser, not several');
  return accept(only as unknown as Optimiser);
}

export function formatOptimiser(optimiser: Optimiser): string {
  return formatSpecs([optimiser as unknown as Spec], OPTIMISERS);
}
