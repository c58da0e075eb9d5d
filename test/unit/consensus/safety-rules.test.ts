/**
 * The signing rules, explored exhaustively: every order of votes, timeouts, commit votes and
 * proposals that one honest seat of four could be asked for in rounds 1 to 4.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leaderOf, NO_RECORD } from '../../../src/consensus/leader.ts';
import {
  initialSafety,
  type Pen,
  type SafetyState,
  signCommitVote,
  signProposal,
  signTimeout,
  signVote,
} from '../../../src/consensus/safety-rules.ts';
import { electorate, makeBlock, makeEntry, makeQc, makeTc, penOf } from './fixtures.ts';

const ROUNDS = [1, 2, 3, 4];
const seats = electorate(4);
/** What is signed does not matter here, only whether. */
const pen: Pen = { seats, sign: () => new Uint8Array(64) };

/** One thing that was signed, reduced to what the safety argument speaks about. */
type Act =
  | { readonly kind: 'proposal' | 'vote'; readonly round: number; readonly qc: number }
  | { readonly kind: 'timeout'; readonly round: number; readonly qc: number }
  | { readonly kind: 'commit'; readonly round: number };

interface Ask {
  readonly name: string;
  readonly act: Act;
  readonly run: (safety: SafetyState) => { ok: boolean; value?: { safety: SafetyState } };
}

/** Every request that certificates of rounds 0..4 can justify, and some that they cannot. */
function allAsks(): Ask[] {
  const asks: Ask[] = [];
  for (const round of ROUNDS) {
    for (let qcRound = 0; qcRound < round; qcRound++) {
      const qc = makeQc(seats, qcRound, Math.max(0, qcRound - 1));
      for (let tcHigh = -1; tcHigh < round - 1; tcHigh++) {
        const tc = tcHigh < 0 ? undefined : makeTc(seats, round - 1, makeQc(seats, tcHigh, 0));
        const name = `${round} on ${qcRound} tc ${tcHigh}`;
        // The leader of a round may be another seat: then the same block is only voted for.
        const block = makeBlock(seats, round, qc);
        const entry = makeEntry(block);
        asks.push({
          name: `vote ${name}`,
          act: { kind: 'vote', round, qc: qcRound },
          run: (safety) => signVote(pen, safety, { round, entry, qc, tc }),
        });
        asks.push({
          name: `propose ${name}`,
          act: { kind: 'proposal', round, qc: qcRound },
          run: (safety) =>
            signProposal(pen, safety, {
              round,
              leader: block.author,
              block,
              qc,
              ...(tc && { tc }),
            }),
        });
        asks.push({
          name: `timeout ${name}`,
          act: { kind: 'timeout', round, qc: qcRound },
          run: (safety) =>
            signTimeout(pen, safety, { round, highQc: qc, highTc: tc, highCc: undefined }),
        });
      }
    }
    const block = makeBlock(seats, round, makeQc(seats, round - 1, 0));
    const entry = makeEntry(block);
    asks.push({
      name: `commit ${round}`,
      act: { kind: 'commit', round },
      run: (safety) =>
        signCommitVote(pen, safety, { qc: makeQc(seats, round, round - 1, entry.id), entry }),
    });
  }
  return asks;
}

/** One request of each kind of act; what a fresh seat may not do, no seat ever may. */
function allowedAsks(): Ask[] {
  const allowed = new Map<string, Ask>();
  for (const ask of allAsks()) {
    if (ask.run(initialSafety(0)).ok) allowed.set(nameOf(ask.act), ask);
  }
  return [...allowed.values()];
}

function nameOf(act: Act): string {
  return `${act.kind} ${act.round} ${'qc' in act ? act.qc : ''}`;
}

/** What the safety argument of the protocol needs of one seat's whole history. */
function problemOf(history: readonly Act[]): string | undefined {
  for (const [i, now] of history.entries()) {
    for (const before of history.slice(0, i)) {
      const sameRound = now.round === before.round;
      if (sameRound && now.kind === before.kind) return `two ${now.kind}s of a round`;
      if (now.kind === 'vote' && before.kind !== 'commit') {
        if (now.round < before.round) return 'vote below something signed';
        if (sameRound && before.kind === 'timeout') return 'vote after timing out';
      }
      if (now.kind === 'proposal' && before.kind !== 'commit' && now.round <= before.round) {
        return 'proposal not above everything signed';
      }
      if (now.kind === 'commit' && before.kind === 'timeout' && now.round <= before.round) {
        return 'commit vote at or below a timeout';
      }
      if (now.kind !== 'timeout') continue;
      if (before.kind === 'timeout' && now.round <= before.round) return 'timeout goes back';
      if (before.kind === 'commit' && now.qc < before.round) return 'timeout hides a commit vote';
      if (before.kind === 'vote' && now.qc < before.qc) return 'timeout hides a lock';
    }
  }
  return undefined;
}

test('no order of requests makes an honest seat break a rule', () => {
  const asks = allowedAsks();
  const seen = new Set<string>();
  let open: { safety: SafetyState; history: readonly Act[] }[] = [
    { safety: initialSafety(0), history: [] },
  ];
  let explored = 0;
  while (open.length > 0) {
    const next: typeof open = [];
    for (const { safety, history } of open) {
      for (const ask of asks) {
        const longer = [...history, ask.act];
        // Two histories of the same acts go on alike; a request allowed once is allowed.
        const key = longer.map(nameOf).sort().join();
        if (seen.has(key)) continue;
        const result = ask.run(safety);
        if (!result.ok) continue;
        seen.add(key);
        explored += 1;
        assert.equal(problemOf(longer), undefined, longer.map(nameOf).join(', '));
        next.push({ safety: result.value!.safety, history: longer });
      }
    }
    open = next;
  }
  assert.ok(explored > 10_000, `explored ${explored} histories`);
});

test('a TC-justified block below the lock is still voted for', () => {
  // The lock of round 2 is known to this seat only; the TC of round 3 does not contain it.
  const locked = { ...initialSafety(0), lockRound: 2, lastVotedRound: 2 };
  const qc = makeQc(seats, 1, 0);
  const tc = makeTc(seats, 3, qc);
  const entry = makeEntry(makeBlock(seats, 4, qc));
  assert.ok(signVote(pen, locked, { round: 4, entry, qc, tc }).ok);
  const below = signTimeout(pen, locked, { round: 4, highQc: qc, highTc: tc, highCc: undefined });
  assert.ok(!below.ok && below.reason === 'below-lock');
});

test('a block under a TC that reports a higher QC is refused', () => {
  const tc = makeTc(seats, 3, makeQc(seats, 2, 1));
  const qc = makeQc(seats, 1, 0);
  const entry = makeEntry(makeBlock(seats, 4, qc));
  const vote = signVote(pen, initialSafety(0), { round: 4, entry, qc, tc });
  assert.ok(!vote.ok && vote.reason === 'qc-below-tc');
});

test('a commit vote forbids no later timeout', () => {
  const entry = makeEntry(makeBlock(seats, 1, makeQc(seats, 0, 0)));
  const qc = makeQc(seats, 1, 0, entry.id);
  const commit = signCommitVote(pen, initialSafety(0), { qc, entry });
  assert.ok(commit.ok);
  const request = { round: 2, highQc: qc, highTc: undefined, highCc: undefined };
  assert.ok(signTimeout(pen, commit.value.safety, request).ok);
});

test('only the leader proposes, and only its own block', () => {
  const qc = makeQc(seats, 0, 0);
  for (const self of [0, 1, 2, 3]) {
    const own = electorate(4, self);
    const block = makeBlock(own, 1, qc, { author: self });
    const leader = leaderOf(own.order, NO_RECORD, 1);
    const result = signProposal(penOf(own), initialSafety(0), { round: 1, leader, block, qc });
    assert.equal(result.ok, leader === self);
  }
});

test('nothing of another epoch is signed', () => {
  const safety = { ...initialSafety(0), epoch: 1 };
  const qc = makeQc(seats, 0, 0);
  const entry = makeEntry(makeBlock(seats, 1, qc));
  const vote = signVote(pen, safety, { round: 1, entry, qc, tc: undefined });
  assert.ok(!vote.ok && vote.reason === 'wrong-epoch');
});
