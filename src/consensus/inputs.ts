/** Everything that can happen to a replica: the closed union at its input. */
import type { Payload } from './application.ts';
import type { HeldEvidence } from './evidence.ts';
import type { CommitVote, Proposal, SyncInfo, Timeout } from './messages.ts';
import type { Snapshot } from './snapshot.ts';
import type { Block, Verified, Vote } from './types.ts';

export type TimerName = 'round' | 'propose';

export type Input =
  /** After recovery: re-sends what was signed, asks the others, begins. */
  | { readonly kind: 'start' }
  | { readonly kind: 'proposal'; readonly message: Verified<Proposal> }
  | { readonly kind: 'vote'; readonly message: Verified<Vote> }
  | { readonly kind: 'timeout'; readonly message: Verified<Timeout> }
  | { readonly kind: 'commit'; readonly message: Verified<CommitVote> }
  | { readonly kind: 'sync'; readonly message: Verified<SyncInfo>; readonly from: number }
  /** A peer showed an older round or fewer certificates than ours; nothing of it was verified. */
  | { readonly kind: 'behind'; readonly from: number }
  /** A payload that the application's checker passed. */
  | { readonly kind: 'payload'; readonly payload: Payload }
  /** Evidence whose proof was checked; `found` here, so the others may not know. */
  | { readonly kind: 'evidence'; readonly held: HeldEvidence; readonly found: boolean }
  /** A fetched block: its hash is what a verified certificate or proposal named. */
  | { readonly kind: 'block'; readonly block: Block }
  /** Everything it claims is checked again where it is installed. */
  | { readonly kind: 'snapshot'; readonly snapshot: Snapshot }
  | { readonly kind: 'timer'; readonly name: TimerName; readonly round: number }
  /** What quorums took to answer us: the base timer from now on, ms. */
  | { readonly kind: 'pace'; readonly timeoutBaseMs: number }
  /** The others do not know of anything signed by our key that our log lacks: sign from now on. */
  | { readonly kind: 'cleared' }
  /** They do know: our log is not the whole story, never sign again. */
  | { readonly kind: 'disowned' };
