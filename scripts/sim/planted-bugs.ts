/**
 * Bugs that the simulator must find: each is one edit of one source file, of the kind that real
 * systems shipped. An edit that no longer applies is an error, so the bank cannot rot in silence.
 */
export interface PlantedBug {
  readonly name: string;
  readonly area: 'placement' | 'ledger' | 'certificate' | 'consensus' | 'store' | 'worker';
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** Where it shows; most do in `mixed`. */
  readonly scenario: string;
}

export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: 'quorum-minus-one',
    area: 'consensus',
    file: 'src/consensus/seats.ts',
    find: 'return seatCount - faultsTolerated(seatCount);',
    replace: 'return seatCount - faultsTolerated(seatCount) - 1;',
    scenario: 'byzantine-cadre',
  },
  {
    name: 'vote-after-timeout',
    area: 'consensus',
    file: 'src/consensus/safety-rules.ts',
    find: '    lastVotedRound: Math.max(safety.lastVotedRound, round),\n',
    replace: '',
    scenario: 'mixed',
  },
  {
    name: 'commit-vote-after-timeout',
    area: 'consensus',
    file: 'src/consensus/safety-rules.ts',
    find: "if (qc.round <= safety.highestTimeoutRound) return refuse('timed-out', 'ignore');",
    replace: '',
    scenario: 'mixed',
  },
  {
    name: 'newest-block-first',
    area: 'consensus',
    file: 'src/consensus/certificates.ts',
    find: "persist(draft, [...records, { kind: 'final', cert }], release);",
    replace: "persist(draft, [...records, { kind: 'final', cert }], release.toReversed());",
    scenario: 'mixed',
  },
  {
    name: 'send-before-persist',
    area: 'consensus',
    file: 'src/consensus/driver.ts',
    find: '      .then(() => durable)\n',
    replace: '',
    scenario: 'mixed',
  },
  {
    name: 'votes-forgotten-on-restart',
    area: 'consensus',
    file: 'src/consensus/recovery.ts',
    find: 'const rounds = { lastVotedRound, lastProposedRound, lockRound };',
    replace: 'const rounds = { lastVotedRound: 0 * lastVotedRound, lastProposedRound, lockRound };',
    scenario: 'crashes',
  },
  {
    name: 'roots-unchecked',
    area: 'consensus',
    file: 'src/consensus/blocks.ts',
    find: 'const wrong = differenceOf(result.value, block);',
    replace:
      'const wrong = differenceOf({ ...result.value, resultsRoot: block.resultsRoot }, block);',
    scenario: 'byzantine-cadre',
  },
  {
    name: 'sync-skipped',
    area: 'store',
    file: 'src/store/wal.ts',
    find: '        await this.#file.datasync();\n',
    replace: '',
    scenario: 'mixed',
  },
  {
    name: 'torn-tail-kept',
    area: 'store',
    file: 'src/store/wal.ts',
    find: 'if (goodBytes < bytes) await file.truncate(goodBytes);',
    replace: '',
    scenario: 'crashes',
  },
  {
    name: 'accept-below-quorum',
    area: 'ledger',
    file: 'src/job/ledger/waves.ts',
    find: 'count >= plan.policy.quorum && ',
    replace: 'count >= plan.policy.quorum - 1 && ',
    scenario: 'liars',
  },
  {
    name: 'majority-dropped',
    area: 'ledger',
    file: 'src/job/ledger/waves.ts',
    find: ' && 2 * count > revealed.length + awaited',
    replace: '',
    scenario: 'liars',
  },
  {
    name: 'duplicates-counted',
    area: 'ledger',
    file: 'src/job/ledger/waves.ts',
    find: 'if (standing === STANDINGS.revealed) revealed.push(slot);',
    replace: 'if (standing === STANDINGS.revealed) revealed.push(slot, slot);',
    scenario: 'liars',
  },
  {
    name: 'unsealed-reveals-count',
    area: 'ledger',
    file: 'src/job/ledger/apply-record.ts',
    find: 'if (!isSameTuple(seal.record.tuples, table.sealAt(shard, slot), checked.tuples, at)) continue;',
    replace: '',
    scenario: 'liars',
  },
  {
    name: 'liar-not-named',
    area: 'ledger',
    file: 'src/job/ledger/waves.ts',
    find: '  for (let slot = 0; slot < table.used(shard); slot++) judgeReveal(draft, shard, slot);\n',
    replace: '',
    scenario: 'liars',
  },
  {
    name: 'late-liar-not-named',
    area: 'ledger',
    file: 'src/job/ledger/apply-record.ts',
    find: '    else judgeReveal(draft, shard, slot);\n',
    replace: '',
    scenario: 'liars',
  },
  {
    name: 'load-bound-ignored',
    area: 'placement',
    file: 'src/swarm/load-bound.ts',
    find: 'return this.#spare[candidate]! >= 1;',
    replace: 'return this.#spare[candidate]! >= -1_000_000;',
    scenario: 'calm',
  },
  {
    name: 'weights-ignored',
    area: 'placement',
    file: 'src/swarm/score.ts',
    find: 'return Math.floor((logarithm * QUOTIENT_SCALE) / weight);',
    replace: 'return Math.floor((logarithm * QUOTIENT_SCALE) / (weight > 0 ? 1 : weight));',
    scenario: 'calm',
  },
  {
    name: 'disagreeing-worker-certified',
    area: 'certificate',
    file: 'src/job/ledger/read-ledger.ts',
    find: 'if (wanted.every((byte, i) => byte === found[i])) slots.push(slot);',
    replace: 'if (found.length === wanted.length) slots.push(slot);',
    scenario: 'liars',
  },
  {
    name: 'commit-signatures-unchecked',
    area: 'certificate',
    file: 'src/certificate/epochs.ts',
    find: 'if (!verifyEd25519(seats[seat]!.key, message, signature)) {',
    replace: 'if (!verifyEd25519(seats[seat]!.key, message, signature) && seat < 0) {',
    scenario: 'byzantine-cadre',
  },
  {
    name: 'seals-without-a-name',
    area: 'store',
    file: 'src/store/work-store.ts',
    find: 'this.#folder.open(nameOf(this.#plan.planId))',
    replace: "this.#folder.open(nameOf(this.#plan.planId), { entry: 'lazy' })",
    scenario: 'crashes',
  },
  {
    name: 'no-handover',
    area: 'consensus',
    file: 'src/roles/cadre-service.ts',
    find: '      if (epoch > 0) this.#join(draft, from);\n',
    replace: '',
    scenario: 'departures',
  },
  {
    name: 'next-cadre-unclaimed',
    area: 'consensus',
    file: 'src/roles/ledger-snapshots.ts',
    find: 'if (standIns.length <= epoch) return { stateRoot, resultsRoot };',
    replace: 'if (standIns.length >= epoch) return { stateRoot, resultsRoot };',
    scenario: 'departures',
  },
];
