/** What a soak and its members tell each other over the channel between their processes. */
import type { CadreSeats } from '../../../src/consensus/seats.ts';
import type { Block, CommitCert } from '../../../src/consensus/types.ts';
import type { LieName } from '../../../src/sim/cadre/lies.ts';

/** The first message to a member; all later ones are lists of texts to submit. */
export interface MemberOrder {
  readonly self: number;
  readonly seats: Omit<CadreSeats, 'self'>;
  /** One multiaddr per seat, ending in its peer id. */
  readonly addresses: readonly string[];
  /** 32 bytes: of the node's identity and, here, of its key in the cadre. */
  readonly seed: Uint8Array;
  readonly folder: string;
  /** What it tells others instead of what its replica says. */
  readonly lie?: LieName;
}

export interface FinalBlock {
  readonly kind: 'final';
  readonly height: number;
  readonly block: Block;
  readonly texts: readonly string[];
  readonly cert: CommitCert;
  readonly links: readonly Block[];
}

export type MemberReport =
  | FinalBlock
  | { readonly kind: 'ready' }
  /** It holds a member to be at fault. */
  | { readonly kind: 'blames'; readonly seat: number; readonly reason: string }
  | { readonly kind: 'broken'; readonly reason: string };
