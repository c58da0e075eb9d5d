/**
 * When a replica asks the safety rules to sign: proposing, voting, timing out, commit-voting. Every
 * message is released by the record that makes it durable; our own is counted only then, too.
 * Design consensus.md sections 1.4 to 1.6.
 */
import { toHex } from '../base/bytes.ts';
import type { Executed, Payload } from './application.ts';
import { chainTo, isExecutedOn, type TreeEntry, withEntry } from './block-tree.ts';
import { provenOn } from './blocks.ts';
import { faultName, type HeldEvidence } from './evidence.ts';
import { blockId } from './messages.ts';
import {
  adoptSigned,
  canSign,
  contentRecords,
  currentLeader,
  type Draft,
  log,
  persist,
  resend,
  roundOf,
  storeBlocks,
} from './replica-state.ts';
import { rootsOf } from './roots.ts';
import { signCommitVote, signProposal, signTimeout, signVote } from './safety-rules.ts';
import {
  BLOCK_VERSION,
  type Block,
  EVIDENCE_REFS_MAX,
  PAYLOAD_REFS_MAX,
  verifiedPart,
} from './types.ts';

/** The block that the next proposal builds on; undefined while it is being fetched. */
export function tipOf<S>(draft: Draft<S>): TreeEntry<S> | undefined {
  return draft.tree.entries.get(toHex(draft.highQc.blockId));
}

/** What the application wants proposed on this tip; remembered until something changes. */
export function selectOn<S>(draft: Draft<S>, tip: TreeEntry<S>) {
  const last = draft.choice;
  if (last?.tipKey === tip.key && last.payloads === draft.payloads) return last;
  const { application } = draft.config;
  const chain = chainTo(draft.tree, tip.key) ?? [];
  const isDone = application.isFinal(tip.state);
  const pending = isDone
    ? []
    : [...draft.payloads]
        .filter(([key]) => !isExecutedOn(draft.tree, chain, key))
        .map(([, payload]) => payload);
  const selected = pending.length === 0 ? [] : application.select(tip.state, pending);
  const bounded = selected.slice(0, PAYLOAD_REFS_MAX);
  const choice = { tipKey: tip.key, payloads: draft.payloads, pending, selected: bounded };
  draft.choice = choice;
  return choice;
}

/** Flush rule: a certified block with payload is not yet under a commit certificate. */
export function needsFlush<S>(draft: Draft<S>): boolean {
  if ((draft.highCc?.round ?? 0) >= draft.highQc.round) return false;
  const chain = chainTo(draft.tree, toHex(draft.highQc.blockId));
  return chain === undefined || chain.some((entry) => entry.payloads.length > 0);
}

/** Something is to be decided, or someone else is in this round: only then do timers run. */
export function isActive<S>(draft: Draft<S>): boolean {
  if (needsFlush(draft) || draft.heardRound >= roundOf(draft)) return true;
  const tip = tipOf(draft);
  return tip !== undefined && selectOn(draft, tip).selected.length > 0;
}

/**
 * Proposes if this seat leads. Payload goes out at once when the round was just entered, when the
 * application says that waiting gains nothing, or after the batch delay; an empty block only when
 * the commit votes had their chance: half the round's time, or a round entered by a TC.
 */
export function tryPropose<S>(draft: Draft<S>): void {
  const { pen, application, pacemaker } = draft.config;
  const round = roundOf(draft);
  if (!canSign(draft) || currentLeader(draft) !== pen.seats.self) return;
  const { lastProposedRound, lastVotedRound } = draft.safety;
  if (round <= lastProposedRound || round <= lastVotedRound) return;
  const tip = tipOf(draft);
  if (tip === undefined) return;
  const { selected, pending } = selectOn(draft, tip);
  if (selected.length > 0) {
    const isNow = draft.entered || draft.proposeDue || application.urgent?.(tip.state, pending);
    if (isNow || pacemaker.batchDelayMs === 0) {
      propose(draft, tip, selected);
      return;
    }
    startProposeTimer(draft, 'batch', pacemaker.batchDelayMs);
    return;
  }
  if (!needsFlush(draft)) return;
  if (draft.enteredBy === 'tc' || draft.proposeDue) {
    propose(draft, tip, []);
    return;
  }
  startProposeTimer(draft, 'flush', pacemaker.timeoutBaseMs / 2);
}

function startProposeTimer<S>(draft: Draft<S>, why: 'batch' | 'flush', delayMs: number): void {
  if (draft.proposeTimer === why || draft.proposeTimer === 'batch') return;
  draft.proposeTimer = why;
  draft.effects.push({ kind: 'timer', name: 'propose', round: roundOf(draft), delayMs });
}

function propose<S>(draft: Draft<S>, tip: TreeEntry<S>, selected: readonly Payload[]): void {
  const entry = buildBlock(draft, tip, selected);
  if (entry?.block === undefined) return;
  const { highQc, highTc, highCc } = draft;
  const round = roundOf(draft);
  const tc = highQc.round + 1 === round ? undefined : highTc;
  const { pen } = draft.config;
  const certificates = { qc: highQc, ...(tc && { tc }), ...(highCc && { cc: highCc }) };
  const { block } = entry;
  const leader = currentLeader(draft);
  const proposed = signProposal(pen, draft.safety, { round, leader, block, ...certificates });
  if (!proposed.ok) {
    log(draft, 'consensus.not-proposed', { reason: proposed.reason });
    return;
  }
  const records = [...contentRecords(entry), adoptSigned(draft, proposed.value)];
  // The proposal's record holds the block.
  draft.tree = withEntry(draft.tree, { ...entry, stored: true });
  const { message } = proposed.value;
  const seen = { key: entry.key, message, isTaken: true };
  draft.proposals = new Map(draft.proposals).set(pen.seats.self, seen);
  // One record group for the proposal and our own vote for it: one sync instead of two.
  const vote = signVote(pen, draft.safety, { round, entry, qc: highQc, tc });
  if (!vote.ok) {
    persist(draft, records, [{ kind: 'send', to: 'others', message }]);
    return;
  }
  records.push(adoptSigned(draft, vote.value));
  persist(draft, records, [
    { kind: 'send', to: 'others', message },
    { kind: 'send', to: 'others', message: vote.value.message },
    { kind: 'loopback', input: { kind: 'vote', message: vote.value.message } },
  ]);
}

/** Executes what was selected and writes the header over the outcome. */
function buildBlock<S>(
  draft: Draft<S>,
  tip: TreeEntry<S>,
  selected: readonly Payload[],
): TreeEntry<S> | undefined {
  const { payloads, executed } = executable(draft, tip, selected);
  if (executed === undefined || (payloads.length === 0 && !needsFlush(draft))) return undefined;
  const { highQc } = draft;
  const { planId, epoch, self } = draft.config.pen.seats;
  const { state } = executed;
  const round = roundOf(draft);
  const height = tip.height + 1;
  const evidence = selectEvidence(draft, tip);
  const block: Block = {
    version: BLOCK_VERSION,
    planId,
    epoch,
    round,
    height,
    parentId: highQc.blockId,
    qc: highQc,
    author: self,
    payloadRefs: payloads.map((payload) => payload.id),
    evidence: evidence.map((held) => held.id),
    ...rootsOf(executed),
    timeMs: draft.wallMs,
  };
  const payloadKeys = payloads.map((payload) => toHex(payload.id));
  const id = blockId(block);
  const names = { id, key: toHex(id), parentKey: tip.key };
  const contents = { payloads, payloadKeys, evidence };
  return { ...names, block, round, height, ...contents, state, stored: false };
}

/** Faults that this branch does not carry yet, one proof of each: they ride along in any block. */
function selectEvidence<S>(draft: Draft<S>, tip: TreeEntry<S>): readonly HeldEvidence[] {
  const proven = provenOn(draft, chainTo(draft.tree, tip.key) ?? [], tip.height + 1);
  const chosen: HeldEvidence[] = [];
  for (const held of draft.evidence.values()) {
    if (proven.has(faultName(held))) continue;
    proven.add(faultName(held));
    chosen.push(held);
    if (chosen.length === EVIDENCE_REFS_MAX) break;
  }
  return chosen;
}

/** The selection if it executes; else, one by one, what does. The rest is let go. */
function executable<S>(
  draft: Draft<S>,
  tip: TreeEntry<S>,
  selected: readonly Payload[],
): { readonly payloads: readonly Payload[]; readonly executed: Executed<S> | undefined } {
  const { application } = draft.config;
  const whole = application.execute(tip.state, selected);
  if (whole.ok) return { payloads: selected, executed: whole.value };
  let kept: readonly Payload[] = [];
  let executed: Executed<S> | undefined;
  const payloads = new Map(draft.payloads);
  for (const payload of selected) {
    const longer = [...kept, payload];
    const result = application.execute(tip.state, longer);
    if (result.ok) {
      kept = longer;
      executed = result.value;
    } else if (payloads.delete(toHex(payload.id))) {
      draft.payloadBytes -= payload.bytes.length;
      log(draft, 'consensus.payload-refused', { id: toHex(payload.id), reason: result.reason });
    }
  }
  draft.payloads = payloads;
  return { payloads: kept, executed };
}

/** Votes for the leader's first proposal of the current round, once its block is executed. */
export function tryVote<S>(draft: Draft<S>): void {
  const round = roundOf(draft);
  const led = draft.proposals.get(currentLeader(draft));
  if (!canSign(draft) || led === undefined) return;
  const { key, message: proposal } = led;
  if (round <= draft.safety.lastVotedRound || proposal.block.round !== round) return;
  const entry = draft.tree.entries.get(key);
  if (entry === undefined) return;
  const qc = verifiedPart(proposal, proposal.block.qc);
  const tc = proposal.tc && verifiedPart(proposal, proposal.tc);
  const vote = signVote(draft.config.pen, draft.safety, { round, entry, qc, tc });
  if (!vote.ok) return;
  const stored = storeBlocks(draft, [entry]);
  const proof = tc === undefined ? [] : [{ kind: 'tc', tc } as const];
  const records = [...stored, ...proof, adoptSigned(draft, vote.value)];
  const { message } = vote.value;
  persist(draft, records, [
    { kind: 'send', to: 'others', message },
    { kind: 'loopback', input: { kind: 'vote', message } },
  ]);
}

/** Commit-votes for the highest certified block, once it and its ancestors are executed. */
export function tryCommitVote<S>(draft: Draft<S>): void {
  const { highQc, highCc, safety } = draft;
  if (!canSign(draft) || highQc.round <= safety.lastCommitRound) return;
  if (highQc.round <= (highCc?.round ?? 0)) return;
  const entry = tipOf(draft);
  if (entry === undefined) return;
  const vote = signCommitVote(draft.config.pen, safety, { qc: highQc, entry });
  if (!vote.ok) return;
  const stored = storeBlocks(draft, chainTo(draft.tree, entry.key) ?? []);
  const { message } = vote.value;
  persist(
    draft,
    [...stored, adoptSigned(draft, vote.value)],
    [
      { kind: 'send', to: 'others', message },
      { kind: 'loopback', input: { kind: 'commit', message } },
    ],
  );
}

/** Times out the current round, or repeats the very same timeout. */
export function timeOut<S>(draft: Draft<S>): void {
  if (!canSign(draft)) return;
  const round = roundOf(draft);
  const last = draft.safety.lastTimeout;
  if (last?.round === round) {
    resend(draft, 'others', last);
    return;
  }
  const { highQc, highTc, highCc } = draft;
  const signed = signTimeout(draft.config.pen, draft.safety, { round, highQc, highTc, highCc });
  if (!signed.ok) {
    log(draft, 'consensus.no-timeout', { round, reason: signed.reason });
    return;
  }
  const { message } = signed.value;
  log(draft, 'consensus.timeout', { round });
  persist(
    draft,
    [adoptSigned(draft, signed.value)],
    [
      { kind: 'send', to: 'others', message },
      { kind: 'loopback', input: { kind: 'timeout', message } },
    ],
  );
}
