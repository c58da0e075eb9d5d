/** The lies of a Byzantine seat, by name, so that scenarios and documentation name the same. */
import type { Liar, Lie } from './liar.ts';
import { forker, staleQc } from './lies-of-history.ts';
import { equivocator, falseRoot } from './lies-of-leaders.ts';
import { epochShifter, flooder, mutator } from './lies-of-noise.ts';
import { lyingServer, withholder } from './lies-of-silence.ts';

export const LIES = {
  equivocator,
  forker,
  'stale-qc': staleQc,
  withholder,
  flooder,
  'epoch-shifter': epochShifter,
  'lying-server': lyingServer,
  'false-root': falseRoot,
  mutator,
} as const satisfies Readonly<Record<string, (liar: Liar) => Lie>>;

export type LieName = keyof typeof LIES;
