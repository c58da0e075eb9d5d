/** Where a job begins at its requester: at the beginning, after a restart, or by its id. */
import type { OpenPlan } from '../job/open-plan.ts';
import type { Outcome } from './job-messages.ts';

export type JobStart =
  | { readonly kind: 'plan'; readonly instance: number }
  /** Seated before a restart; the cadre may or may not have been told. */
  | { readonly kind: 'reopen'; readonly plan: OpenPlan; readonly instance: number }
  /** Its cadre runs it, or has ended it. */
  | { readonly kind: 'follow'; readonly plan: OpenPlan }
  /** It ended, and this is how. */
  | {
      readonly kind: 'collect';
      readonly plan: OpenPlan;
      readonly outcome: Outcome;
      readonly certificate: Uint8Array;
    };
