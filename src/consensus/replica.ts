/**
 * The replica: `step(config, state, input, wallMs)` gives the next state and what to do about it.
 * Pure: no time, chance, disk or network; every check stands in here, because the world may have
 * moved while a signature was being verified. Protocol: docs/protocol/consensus.md.
 */
import { equalBytes, toHex } from '../base/bytes.ts';
import type { SignatureForm } from '../crypto/portable/signature-scheme.ts';
import { holdPayload, takeBlock, takeWaitingFor } from './blocks.ts';
import {
  adoptCommitCert,
  adoptQc,
  adoptTc,
  deliverFinal,
  fetchBlock,
  noteRuleB,
} from './certificates.ts';
import { countCommitVote } from './commit-collector.ts';
import type { Effect } from './effects.ts';
import type { HeldEvidence } from './evidence.ts';
import type { Input } from './inputs.ts';
import { installSnapshot } from './install-snapshot.ts';
import { leaderOf } from './leader.ts';
import {
  blockId,
  type CommitVote,
  type Proposal,
  type SyncInfo,
  type Timeout,
} from './messages.ts';
import { provenRound, rebroadcastMs, roundTimeoutMs } from './pacemaker.ts';
import {
  currentLeader,
  type Draft,
  log,
  type ReplicaConfig,
  type ReplicaState,
  resend,
  roundOf,
  type SeenProposal,
  seatCountOf,
} from './replica-state.ts';
import { formOf } from './seats.ts';
import { checkHeader } from './signature-checks.ts';
import { isActive, timeOut, tryCommitVote, tryPropose, tryVote } from './signing.ts';
import { countTimeout } from './timeout-collector.ts';
import { type Block, type Verified, type Vote, verifiedPart } from './types.ts';
import { countVote, VOTE_ROUNDS_AHEAD } from './vote-collector.ts';
import { accuse, takeEvidence, witness } from './witness.ts';

export interface Step<S> {
  readonly state: ReplicaState<S>;
  readonly effects: readonly Effect<S>[];
}

export function step<S>(
  config: ReplicaConfig<S>,
  state: ReplicaState<S>,
  input: Input,
  wallMs: number,
): Step<S> {
  if (state.breached) return { state, effects: [] };
  const draft: Draft<S> = {
    ...state,
    config,
    effects: [],
    wallMs,
    entered: false,
    proposeDue: false,
  };
  handle(draft, input);
  settle(draft);
  const { config: _, effects, wallMs: __, entered: ___, proposeDue: ____, ...next } = draft;
  return { state: next, effects };
}

function handle<S>(draft: Draft<S>, input: Input): void {
  switch (input.kind) {
    case 'start':
      onStart(draft);
      return;
    case 'proposal':
      onProposal(draft, input.message);
      return;
    case 'vote':
      onVote(draft, input.message);
      return;
    case 'timeout':
      onTimeout(draft, input.message);
      return;
    case 'commit':
      onCommitVote(draft, input.message);
      return;
    case 'sync':
      onSync(draft, input.message, input.from);
      return;
    case 'behind':
      help(draft, input.from);
      return;
    case 'payload':
      holdPayload(draft, input.payload);
      return;
    case 'evidence':
      onEvidence(draft, input.held, input.found);
      return;
    case 'block':
      onFetchedBlock(draft, input.block);
      return;
    case 'snapshot':
      installSnapshot(draft, input.snapshot);
      return;
    case 'timer':
      onTimer(draft, input.name, input.round);
      return;
    case 'cleared':
      if (draft.signing === 'probation') draft.signing = 'active';
      return;
    case 'pace':
      draft.timeoutBaseMs = input.timeoutBaseMs;
      return;
    case 'disowned':
      draft.signing = 'observer';
      log(draft, 'consensus.disowned', { seat: draft.config.pen.seats.self }, 'error');
      return;
  }
}

/** What may follow from any change, in the order that lets one step go furthest. */
function settle<S>(draft: Draft<S>): void {
  if (draft.breached) return;
  deliverFinal(draft);
  takeLed(draft);
  noteRuleB(draft);
  tryVote(draft);
  tryCommitVote(draft);
  tryPropose(draft);
  runRoundTimer(draft);
}

/** A timer runs only while there is something to wait for. */
function runRoundTimer<S>(draft: Draft<S>): void {
  const round = roundOf(draft);
  const wanted = !draft.breached && isActive(draft);
  if (wanted === draft.roundTimer) return;
  draft.roundTimer = wanted;
  if (!wanted) {
    draft.effects.push({ kind: 'cancel-timer', name: 'round' });
    return;
  }
  const pacemaker = { ...draft.config.pacemaker, timeoutBaseMs: draft.timeoutBaseMs };
  const hasTimedOut = draft.safety.highestTimeoutRound >= round;
  const delayMs = hasTimedOut
    ? rebroadcastMs(draft.failures, pacemaker)
    : roundTimeoutMs(draft.failures, pacemaker);
  draft.effects.push({ kind: 'timer', name: 'round', round, delayMs });
}

/** Re-sends byte for byte what was signed last, counts it again, and asks the others. */
function onStart<S>(draft: Draft<S>): void {
  const { lastProposal, lastVote, lastTimeout, lastCommitVote } = draft.safety;
  for (const message of [lastProposal, lastVote, lastTimeout, lastCommitVote]) {
    if (message !== undefined) resend(draft, 'others', message);
  }
  if (lastProposal?.block.round === roundOf(draft)) {
    noteProposal(draft, toHex(blockId(lastProposal.block)), lastProposal);
  }
  if (lastVote !== undefined) onVote(draft, lastVote);
  if (lastTimeout?.round === roundOf(draft)) onTimeout(draft, lastTimeout);
  if (lastCommitVote !== undefined) onCommitVote(draft, lastCommitVote);
  askAgain(draft);
  // A first start has nothing to tell, and what came before it was kept for it.
  const isFirst = lastVote === undefined && lastTimeout === undefined && roundOf(draft) === 1;
  if (!isFirst) draft.effects.push({ kind: 'send', to: 'others', message: syncInfoOf(draft) });
}

function onProposal<S>(draft: Draft<S>, message: Verified<Proposal>): void {
  const { block, tc, cc } = message;
  adoptQc(draft, verifiedPart(message, block.qc));
  if (tc !== undefined) adoptTc(draft, verifiedPart(message, tc));
  if (cc !== undefined) adoptCommitCert(draft, verifiedPart(message, cc));
  hear(draft, block.author, block.round);
  const id = blockId(block);
  const { lastVote } = draft.safety;
  // Asked again for the same block: the stored vote, byte for byte.
  if (lastVote !== undefined && equalBytes(lastVote.blockId, id)) {
    resend(draft, block.author, lastVote);
    return;
  }
  const key = toHex(id);
  const known = draft.proposals.get(block.author);
  if (known !== undefined && known.message.block.round === block.round) {
    if (known.key === key) return;
    accuse(draft, block.author, [known.message, message]);
    return;
  }
  if (draft.certified.get(block.round) === key) takeBlock(draft, block, key);
  else if (block.round === roundOf(draft)) noteProposal(draft, key, message);
  else if (isWanted(draft, block)) takeBlock(draft, block, key);
}

function noteProposal<S>(draft: Draft<S>, key: string, message: Verified<Proposal>): void {
  const seen: SeenProposal = { key, message, isTaken: false };
  draft.proposals = new Map(draft.proposals).set(message.block.author, seen);
}

/** The leader's proposal of this round goes into the tree; others may lead when more is final. */
function takeLed<S>(draft: Draft<S>): void {
  const leader = currentLeader(draft);
  const led = draft.proposals.get(leader);
  if (led === undefined || led.isTaken) return;
  draft.proposals = new Map(draft.proposals).set(leader, { ...led, isTaken: true });
  takeBlock(draft, led.message.block, led.key);
}

/** A late proposal is of use when its author led, and no other of its round is here. */
function isWanted<S>(draft: Draft<S>, { author, round }: Block): boolean {
  const { order } = draft.config.pen.seats;
  return leaderOf(order, draft.leaders, round) === author && !holdsRound(draft, round);
}

/** One uncertified block per round is enough: an equivocating leader fills nothing. */
function holdsRound<S>(draft: Draft<S>, round: number): boolean {
  for (const entry of draft.tree.entries.values()) if (entry.round === round) return true;
  for (const { block } of draft.waiting.values()) if (block.round === round) return true;
  return false;
}

function onVote<S>(draft: Draft<S>, vote: Verified<Vote>): void {
  if (vote.round <= draft.highQc.round) return;
  if (vote.round > roundOf(draft) + VOTE_ROUNDS_AHEAD) return;
  hear(draft, vote.voter, vote.round);
  witness(draft, vote);
  const counted = countVote(draft.votes, vote, seatCountOf(draft), joinOf(draft));
  draft.votes = counted.votes;
  if (counted.conflict !== undefined) {
    accuse(draft, vote.voter, [counted.conflict, vote]);
  }
  if (counted.qc !== undefined) adoptQc(draft, counted.qc);
}

function onTimeout<S>(draft: Draft<S>, timeout: Verified<Timeout>): void {
  const { highQc, tc, cc, voter } = timeout;
  witness(draft, timeout);
  adoptQc(draft, verifiedPart(timeout, highQc));
  if (tc !== undefined) adoptTc(draft, verifiedPart(timeout, tc));
  if (cc !== undefined) adoptCommitCert(draft, verifiedPart(timeout, cc));
  const round = roundOf(draft);
  const lacksCommit = (cc?.round ?? 0) < (draft.highCc?.round ?? 0);
  if (timeout.round < round || lacksCommit) help(draft, voter);
  if (timeout.round < round) return;
  hear(draft, voter, timeout.round);
  const counted = countTimeout(draft.timeouts, timeout, seatCountOf(draft), joinOf(draft));
  draft.timeouts = counted.timeouts;
  if (counted.conflict !== undefined) {
    accuse(draft, voter, [counted.conflict, timeout]);
  }
  if (counted.tc !== undefined) {
    adoptTc(draft, counted.tc);
    return;
  }
  // f + 1 timeouts: some honest timer fired, so waiting for ours gains nothing.
  if (counted.amplify && draft.safety.highestTimeoutRound < round) timeOut(draft);
}

function onCommitVote<S>(draft: Draft<S>, vote: Verified<CommitVote>): void {
  witness(draft, vote);
  adoptQc(draft, verifiedPart(vote, vote.qc));
  if (vote.round <= (draft.highCc?.round ?? 0)) return;
  const counted = countCommitVote(draft.commits, vote, seatCountOf(draft), joinOf(draft));
  draft.commits = counted.commits;
  if (counted.conflict !== undefined) {
    accuse(draft, vote.voter, [counted.conflict, vote]);
  }
  if (counted.cert !== undefined) adoptCommitCert(draft, counted.cert);
}

function onSync<S>(draft: Draft<S>, message: Verified<SyncInfo>, from: number): void {
  const { highQc, highTc, highCc } = message;
  adoptQc(draft, verifiedPart(message, highQc));
  if (highTc !== undefined) adoptTc(draft, verifiedPart(message, highTc));
  if (highCc !== undefined) adoptCommitCert(draft, verifiedPart(message, highCc));
  if (isBehind(draft, message)) help(draft, from);
}

/** True when a peer that sent this lacks a certificate that we have. */
export function isBehind<S>(
  state: Pick<ReplicaState<S>, 'highQc' | 'highTc' | 'highCc'>,
  message: SyncInfo,
): boolean {
  return (
    message.highQc.round < state.highQc.round ||
    provenRound(message.highQc, message.highTc) < roundOf(state) ||
    (message.highCc?.round ?? 0) < (state.highCc?.round ?? 0)
  );
}

/** What was found by this very node is passed on; what came from others they have told all. */
function onEvidence<S>(draft: Draft<S>, held: HeldEvidence, found: boolean): void {
  const isNews = takeEvidence(draft, held);
  takeWaitingFor(draft, held.id);
  if (!isNews || !found) return;
  const message = { kind: 'evidence', evidence: held.bytes } as const;
  draft.effects.push({ kind: 'send', to: 'others', message });
}

function onFetchedBlock<S>(draft: Draft<S>, block: Block): void {
  if (checkHeader(draft.config.pen.seats, block) === undefined) takeBlock(draft, block);
}

function onTimer<S>(draft: Draft<S>, name: 'round' | 'propose', round: number): void {
  if (round !== roundOf(draft)) return;
  if (name === 'propose') {
    draft.proposeTimer = undefined;
    draft.proposeDue = true;
    return;
  }
  draft.roundTimer = false;
  askAgain(draft);
  if (isActive(draft)) timeOut(draft);
}

/** Wants again whatever is still missing: an earlier request may have been given up. */
function askAgain<S>(draft: Draft<S>): void {
  const { entries, root } = draft.tree;
  for (const { block, key } of draft.waiting.values()) takeBlock(draft, block, key);
  if (!entries.has(toHex(draft.highQc.blockId))) fetchBlock(draft, draft.highQc);
  const { highCc } = draft;
  if (highCc !== undefined && highCc.height > root.height) fetchBlock(draft, highCc);
}

/** Gives a peer that is behind every certificate it may lack. */
function help<S>(draft: Draft<S>, seat: number): void {
  if (seat === draft.config.pen.seats.self) return;
  draft.effects.push({ kind: 'send', to: seat, message: syncInfoOf(draft) });
}

/** Our highest certificates: what a peer that is behind may lack. */
export function syncInfoOf<S>(
  state: Pick<ReplicaState<S>, 'highQc' | 'highTc' | 'highCc'>,
): SyncInfo {
  const { highQc, highTc, highCc } = state;
  const isNewer = highTc !== undefined && highTc.round > highQc.round;
  return { kind: 'sync', highQc, ...(isNewer && { highTc }), ...(highCc && { highCc }) };
}

/** How signatures become a certificate's. */
function joinOf<S>(draft: Draft<S>): SignatureForm['join'] {
  const form = formOf(draft.config.pen.seats);
  return (signatures) => form.join(signatures);
}

function hear<S>(draft: Draft<S>, seat: number, round: number): void {
  if (seat === draft.config.pen.seats.self) return;
  draft.heardRound = Math.max(draft.heardRound, round);
}
