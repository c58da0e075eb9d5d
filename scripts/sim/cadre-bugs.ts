/**
 * Bugs of consensus alone, each one edit, of the kind that papers and issue trackers report; the
 * worlds of `src/sim/cadre` must find each within 10,000 seeds. docs/simulator.md has the table.
 */
import type { PlantedBug } from './planted-bugs.ts';

export const CADRE_BUGS: readonly PlantedBug[] = [
  // The quorum is one too small.
  {
    name: 'quorum-of-two-thirds-less-one',
    area: 'consensus',
    file: 'src/consensus/seats.ts',
    find: 'return seatCount - faultsTolerated(seatCount);',
    replace: 'return seatCount - faultsTolerated(seatCount) - 1;',
    scenario: 'cadre:byzantine',
  },
  // 2f + 1 instead of n - f: at n = 6 two halves both decide.
  {
    name: 'two-f-plus-one',
    area: 'consensus',
    file: 'src/consensus/seats.ts',
    find: 'return seatCount - faultsTolerated(seatCount);',
    replace: 'return 2 * faultsTolerated(seatCount) + 1;',
    scenario: 'cadre:network',
  },
  // A repeated ballot is counted again.
  {
    name: 'votes-counted-twice',
    area: 'consensus',
    file: 'src/consensus/ballots.ts',
    find: "return rules.same(first, ballot) ? { kind: 'repeated' } : { kind: 'conflict', first };",
    replace:
      "if (!rules.same(first, ballot)) return { kind: 'conflict', first };\n    return { kind: 'counted', ballots, round: [...before!.values(), ballot] };",
    scenario: 'cadre:quiet',
  },
  // A round that was given up is voted in.
  {
    name: 'vote-after-timing-out',
    area: 'consensus',
    file: 'src/consensus/safety-rules.ts',
    find: '    lastVotedRound: Math.max(safety.lastVotedRound, round),\n',
    replace: '',
    scenario: 'cadre:storm',
  },
  // The log does not hold the lock.
  {
    name: 'lock-forgotten-on-persist',
    area: 'consensus',
    file: 'src/consensus/replica-state.ts',
    find: 'const { lockRound, highestTimeoutRound, lastCommitRound } = signed.safety;',
    replace:
      'const { highestTimeoutRound, lastCommitRound } = signed.safety;\n  const lockRound = 0;',
    scenario: 'cadre:quiet',
  },
  // A message leaves before its record is durable.
  {
    name: 'sent-before-fsync',
    area: 'consensus',
    file: 'src/consensus/driver.ts',
    find: '      .then(() => durable)\n',
    replace: '',
    scenario: 'cadre:quiet',
  },
  // Votes sign a block and no round.
  {
    name: 'unsigned-qc-round',
    area: 'consensus',
    file: 'src/consensus/messages.ts',
    find: '  const encoded = encodeCanonical({ round, blockId, parentRound });\n  return signedBytes(TAGS.consensusVote',
    replace:
      '  const encoded = encodeCanonical({ blockId, parentRound: 0 * round * parentRound });\n  return signedBytes(TAGS.consensusVote',
    scenario: 'cadre:byzantine',
  },
  // Rule B without consecutive rounds.
  {
    name: 'commit-on-parent-link',
    area: 'consensus',
    file: 'src/consensus/commit-rule.ts',
    find: 'return childQc.parentRound > 0 && childQc.round === childQc.parentRound + 1;',
    replace: 'return childQc.parentRound > 0;',
    scenario: 'cadre:hidden',
  },
  // A round that was given up is commit-voted.
  {
    name: 'commit-vote-after-timing-out',
    area: 'consensus',
    file: 'src/consensus/safety-rules.ts',
    find: "if (qc.round <= safety.highestTimeoutRound) return refuse('timed-out', 'ignore');",
    replace: '',
    scenario: 'cadre:storm',
  },
  // The tempting check that recreates the hidden lock.
  {
    name: 'lock-check-when-voting',
    area: 'consensus',
    file: 'src/consensus/safety-rules.ts',
    find: "if (round <= safety.lastVotedRound) return refuse('already-voted', 'ignore');\n  if (block.qc",
    replace:
      "if (round <= safety.lastVotedRound) return refuse('already-voted', 'ignore');\n  if (qc.round < safety.lockRound) return refuse('below-lock', 'ignore');\n  if (block.qc",
    scenario: 'cadre:hidden',
  },
  // A restart forgets how its round was entered.
  {
    name: 'restart-from-qc-only',
    area: 'consensus',
    file: 'src/consensus/recovery.ts',
    find: 'this.#certificates({ qc: message.highQc, tc: message.tc, cc: message.cc });',
    replace: 'this.#certificates({ qc: message.highQc, cc: message.cc });',
    scenario: 'cadre:power',
  },
  // Timeouts of different rounds add up.
  {
    name: 'timeouts-merged',
    area: 'consensus',
    file: 'src/consensus/certificates.ts',
    find: '  draft.timeouts = forgetBallots(draft.timeouts, round);\n',
    replace:
      '  draft.timeouts = new Map([...draft.timeouts.values()].map((cast) => [round, cast]));\n',
    scenario: 'cadre:network',
  },
  // No signature names its epoch.
  {
    name: 'epoch-unsigned',
    area: 'consensus',
    file: 'src/consensus/seats.ts',
    find: 'return concatBytes([domain.planId, u64(domain.epoch), domain.cadreRoot]);',
    replace: 'return concatBytes([domain.planId, domain.cadreRoot]);',
    scenario: 'cadre:byzantine',
  },
  // The newest ancestor is delivered first.
  {
    name: 'ancestors-out-of-order',
    area: 'consensus',
    file: 'src/consensus/certificates.ts',
    find: "persist(draft, [...records, { kind: 'final', cert }], release);",
    replace: "persist(draft, [...records, { kind: 'final', cert }], release.toReversed());",
    scenario: 'cadre:network',
  },
  // A fetched block is whatever the server says.
  {
    name: 'synced-blocks-unchecked',
    area: 'consensus',
    file: 'src/consensus/sync-client.ts',
    find: "if (!equalBytes(blockId(block), fetch.need)) return refuse('block-link');",
    replace: '',
    scenario: 'cadre:byzantine',
  },
  // A leader may build below what a TC reports.
  {
    name: 'tc-maximum-unchecked',
    area: 'consensus',
    file: 'src/consensus/signature-checks.ts',
    find: "return qc.round >= Math.max(...tc.highQcRounds) ? undefined : refuse('qc-below-tc');",
    replace: 'return undefined;',
    scenario: 'cadre:forks',
  },
  // A block is voted for whatever root it claims.
  {
    name: 'roots-unchecked-in-votes',
    area: 'consensus',
    file: 'src/consensus/blocks.ts',
    find: 'const wrong = differenceOf(result.value, block);',
    replace: 'const wrong = differenceOf({ ...result.value, stateRoot: block.stateRoot }, block);',
    scenario: 'cadre:byzantine',
  },
  // What a quorum certified is remembered for ever.
  {
    name: 'certified-rounds-kept',
    area: 'consensus',
    file: 'src/consensus/certificates.ts',
    find: 'draft.certified = new Map([...draft.certified].filter(([round]) => round > tip.round));',
    replace: '',
    scenario: 'cadre:quiet',
  },
];
