/**
 * Every size a peer can make us hold or decode, in one place, each with its reason. Changing one is
 * a protocol change where it bounds signed bytes (docs/protocol/limits.md is generated from this).
 */
export const LIMITS = {
  /** One signed advert: sixteen devices and a hundred kernels fit; a flood of them stays cheap. */
  advertBytesMax: 16_384,
  /** Adverts in one roster: bounds placement to shards x 512 hashes, and a plan to 8 MiB. */
  rosterAdvertsMax: 512,
  /** One job spec: parameters and input references, never data. */
  jobSpecBytesMax: 65_536,
  /** One plan package: spec, roster and cadre entries. */
  planBytesMax: 8_388_608,
  /** Seats of a cadre (consensus.md: all-to-all traffic stays small up to here). */
  cadreSeatsMax: 100,
  /** Epochs of a plan after its first: every one takes a fresh rank of the cadre's window. */
  epochsMax: 50,
  /** Shards of one job: a certificate of this many leaves stays under 64 MiB. */
  shardsMax: 1_048_576,
  /**
   * Scores that placing one job takes, candidates times shards: four to ten seconds of one core.
   */
  placementScoresMax: 16_777_216,
  /** Shards in one ledger record: a reveal of this many fits a frame. */
  recordShardsMax: 65_536,
  /** One ledger record. */
  recordBytesMax: 8_388_608,
  /** Replicas of one shard. */
  replicasMax: 16,
  /** One certificate file. */
  certificateBytesMax: 67_108_864,
  /** Nesting of a certificate's encoding: its deepest field, a block's QC, is at 6. */
  certificateDepthMax: 16,
  /**
   * Items in a certificate's encoding: 512 adverts of 128 kernels each; bulk is in byte strings.
   */
  certificateItemsMax: 1_048_576,
  /**
   * Block headers in a certificate: one pruning window would be absurd, a few rounds are normal.
   */
  certificateHeadersMax: 64,
  /** Opened (shard, worker) pairs in a certificate: beyond it, receipts are attested only. */
  receiptPairsMax: 65_536,
  /** Seal batches opened in a certificate: one signature check each, half a second at most. */
  receiptsMax: 4_096,
  /** A writer keeps the whole roster in a certificate up to this size, then only the nodes used. */
  certificateRosterBytesMax: 262_144,
  /** Outputs of one kernel. */
  outputsMax: 16,
  /** Corners (shards x 2^rank) that a verifier counts per output to see that regions tile it. */
  tilingCornersMax: 4_194_304,
  /** Shards x workers whose placement an offline verifier recomputes: about a second of hashing. */
  entitlementChecksMax: 1_048_576,
  /** Lifetime of an advert; refreshed at half of it. */
  advertLifetimeMsMax: 3_600_000,
  /** How far in the future an advert's issue time may lie: clocks of strangers differ. */
  advertClockSkewMsMax: 120_000,
} as const;
