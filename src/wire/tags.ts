/**
 * Domain tags: every hash and every signature in Kadre starts with one, so that bytes made for one
 * purpose never stand for another. The list is closed; docs/protocol/bytes.md shows it.
 */
export const TAGS = {
  // hashes
  kernel: 'kadre/kernel/1',
  jobSpec: 'kadre/job-spec/1',
  computation: 'kadre/computation/1',
  roster: 'kadre/roster/1',
  plan: 'kadre/plan/1',
  seed: 'kadre/seed/1',
  cadre: 'kadre/cadre/1',
  blob: 'kadre/blob/1',
  place: 'kadre/place/1',
  cadreRank: 'kadre/cadre-rank/1',
  sealedTuple: 'kadre/sealed-tuple/1',
  sealBatch: 'kadre/seal-batch/1',
  record: 'kadre/record/1',
  shardResult: 'kadre/shard-result/1',
  results: 'kadre/results/1',
  ledgerState: 'kadre/ledger-state/1',
  block: 'kadre/block/1',
  leader: 'kadre/leader/1',
  evidence: 'kadre/evidence/1',
  capabilityClass: 'kadre/capability-class/1',
  network: 'kadre/network/1',
  puzzle: 'kadre/puzzle/1',
  updateSchema: 'kadre/update-schema/1',
  updateMask: 'kadre/update-mask/1',
  updateStart: 'kadre/update-start/1',
  updateSeed: 'kadre/update-seed/1',
  bucketSeed: 'kadre/bucket-seed/1',
  ruleTrace: 'kadre/rule-trace/1',
  training: 'kadre/training/1',
  round: 'kadre/round/1',
  averaging: 'kadre/averaging/1',
  // signatures of a node's identity key
  signAdvert: 'kadre/sign/advert/1',
  signJobSpec: 'kadre/sign/job-spec/1',
  signCadreEntry: 'kadre/sign/cadre-entry/1',
  signClaim: 'kadre/sign/claim/1',
  signRefusal: 'kadre/sign/refusal/1',
  signSeal: 'kadre/sign/seal/1',
  signCancel: 'kadre/sign/cancel/1',
  signUpdate: 'kadre/sign/update/1',
  signInvitation: 'kadre/sign/invitation/1',
  // signatures of a plan's consensus key (consensus.md 1.13)
  consensusProposal: 'kadre/consensus/1/PROPOSAL',
  consensusVote: 'kadre/consensus/1/VOTE',
  consensusTimeout: 'kadre/consensus/1/TIMEOUT',
  consensusCommit: 'kadre/consensus/1/COMMIT',
  consensusPossession: 'kadre/consensus/1/POP',
  signMark: 'kadre/sign/mark/1',
} as const;

export type Tag = (typeof TAGS)[keyof typeof TAGS];
