/** What a network may do to packets. Times in milliseconds, the others are chances in 0..1. */
export interface LinkFaults {
  readonly delayMsMin: number;
  readonly delayMsMax: number;
  /** Of a packet; a bulk answer that loses a piece breaks off, as over a stream. */
  readonly loss: number;
  readonly duplication: number;
  /** That a packet does not wait for those sent before it on the same link. */
  readonly reorder: number;
}

/** Everything arrives at once and in order. */
export const PERFECT_LINKS: LinkFaults = {
  delayMsMin: 0,
  delayMsMax: 0,
  loss: 0,
  duplication: 0,
  reorder: 0,
};
