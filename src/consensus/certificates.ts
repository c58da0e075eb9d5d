/**
 * What a verified certificate changes: the highest QC, TC and commit certificate, the round, and
 * finality. A round is entered on a QC or a TC of any round at or above it, in no other way.
 * Design consensus.md sections 1.4 to 1.6.
 */
import { toHex } from '../base/bytes.ts';
import { forgetBallots } from './ballots.ts';
import { chainTo, type TreeEntry, withoutOldBranches, withRoot } from './block-tree.ts';
import { finalisesParent } from './commit-rule.ts';
import type { Release } from './effects.ts';
import { eraOf } from './eras.ts';
import { faultName } from './evidence.ts';
import { type CarriedFault, withFinal } from './leader.ts';
import { failuresAfter } from './pacemaker.ts';
import {
  breach,
  type Draft,
  log,
  persist,
  roundOf,
  seatCountOf,
  storeBlocks,
} from './replica-state.ts';
import { sameRoots } from './roots.ts';
import { seatsOf } from './seats.ts';
import {
  type Block,
  type CommitCert,
  type Qc,
  type Tc,
  type Verified,
  verifiedPart,
} from './types.ts';

export function adoptQc<S>(draft: Draft<S>, qc: Verified<Qc>): void {
  const key = toHex(qc.blockId);
  const other = draft.certified.get(qc.round);
  if (other !== undefined && other !== key) {
    breach(draft, 'two certified blocks in one round', { qc, otherBlockId: other });
    return;
  }
  if (qc.round > draft.tree.root.round && other === undefined) {
    draft.certified = new Map(draft.certified).set(qc.round, key);
  }
  if (qc.round <= draft.highQc.round) return;
  const before = roundOf(draft);
  draft.highQc = qc;
  draft.votes = forgetBallots(draft.votes, qc.round + 1);
  if (!draft.tree.entries.has(key)) fetchBlock(draft, qc);
  else draft.tree = withoutOldBranches(draft.tree, key, qc.round);
  if (roundOf(draft) > before) enterRound(draft, 'qc');
}

export function adoptTc<S>(draft: Draft<S>, tc: Verified<Tc>): void {
  adoptQc(draft, verifiedPart(tc, tc.highQc));
  if (tc.round <= (draft.highTc?.round ?? 0)) return;
  const before = roundOf(draft);
  draft.highTc = tc;
  if (roundOf(draft) > before) enterRound(draft, 'tc');
}

export function adoptCommitCert<S>(draft: Draft<S>, cert: Verified<CommitCert>): void {
  if (cert.round <= (draft.highCc?.round ?? 0)) return;
  draft.highCc = cert;
  draft.commits = forgetBallots(draft.commits, cert.round + 1);
  if (!draft.tree.entries.has(toHex(cert.blockId))) fetchBlock(draft, cert);
}

/** Asks the certificate's signers: an honest one of them holds the block. */
export function fetchBlock<S>(draft: Draft<S>, cert: Qc | CommitCert): void {
  const { seats, self } = draft.config.pen.seats;
  const signers = seatsOf(cert.signers, seats.length) ?? [];
  const others = signers.filter((seat) => seat !== self);
  draft.effects.push({ kind: 'fetch-block', id: cert.blockId, seats: others });
}

function enterRound<S>(draft: Draft<S>, by: 'qc' | 'tc'): void {
  const round = roundOf(draft);
  draft.failures = failuresAfter(draft.failures, by);
  draft.enteredBy = by;
  draft.entered = true;
  draft.proposals = new Map();
  draft.timeouts = forgetBallots(draft.timeouts, round);
  if (draft.roundTimer) draft.effects.push({ kind: 'cancel-timer', name: 'round' });
  if (draft.proposeTimer) draft.effects.push({ kind: 'cancel-timer', name: 'propose' });
  draft.roundTimer = false;
  draft.proposeTimer = undefined;
}

/** Notes what rule B makes final, once the certified child is known. */
export function noteRuleB<S>(draft: Draft<S>): void {
  const { highQc, tree } = draft;
  if (!finalisesParent(highQc)) return;
  const child = tree.entries.get(toHex(highQc.blockId));
  if (child === undefined || child.key === tree.root.key) return;
  const height = child.height - 1;
  if (height <= Math.max(tree.root.height, draft.finalByChain?.height ?? 0)) return;
  draft.finalByChain = { height, key: child.parentKey };
}

/** Delivers every block that the highest commit certificate makes final, oldest first. */
export function deliverFinal<S>(draft: Draft<S>): void {
  const cert = draft.highCc;
  const { root } = draft.tree;
  if (cert === undefined || draft.breached) return;
  const key = toHex(cert.blockId);
  if (key === root.key) return;
  if (cert.height <= root.height) {
    breach(draft, 'a commit certificate off the final chain', { cert, finalId: root.id });
    return;
  }
  const chain = chainTo(draft.tree, key);
  const tip = chain?.at(-1)?.block;
  if (chain === undefined || tip === undefined) return;
  if (!agrees(draft, cert, chain)) return;
  const records = storeBlocks(draft, chain);
  const blocks = chain.map((entry) => entry.block!);
  const release = chain.map(
    (entry, i): Release<S> => ({
      kind: 'deliver',
      commit: {
        height: entry.height,
        blockId: entry.id,
        block: blocks[i]!,
        payloads: entry.payloads,
        evidence: entry.evidence,
        state: entry.state,
        cert,
        links: blocks.slice(i + 1),
      },
    }),
  );
  persist(draft, [...records, { kind: 'final', cert }], release);
  moveRoot(draft, chain, tip);
}

/** The roots that were signed are ours, and rule B has not finalised another block. */
function agrees<S>(draft: Draft<S>, cert: CommitCert, chain: readonly TreeEntry<S>[]): boolean {
  const tip = chain.at(-1)!.block!;
  if (!sameRoots(tip, cert)) breach(draft, 'a commit certificate over other roots', { cert });
  const passive = draft.finalByChain;
  const atHeight = chain.find((entry) => entry.height === passive?.height);
  if (passive !== undefined && atHeight !== undefined && atHeight.key !== passive.key) {
    breach(draft, 'commit rules A and B disagree', { cert, otherBlockId: passive.key });
  }
  return !draft.breached;
}

/** Faults are final with their block: whoever committed one leads no more once everyone knows. */
function convict<S>(draft: Draft<S>, chain: readonly TreeEntry<S>[]): void {
  const found = chain.flatMap(carriedBy);
  const { height } = chain.at(-1)!;
  // One era more than counts for the newest block: leaders are elected with a lag.
  const kept = draft.leaders.faults.filter((fault) => eraOf(fault.height) >= eraOf(height) - 2);
  draft.leaders = { ...draft.leaders, faults: [...kept, ...found] };
  if (found.length === 0) return;
  for (const { seat, name } of found) log(draft, 'consensus.convicted', { seat, name }, 'warn');
  const names = new Set(found.map(({ name }) => name));
  draft.evidence = new Map([...draft.evidence].filter(([, held]) => !names.has(faultName(held))));
}

function carriedBy<S>({ evidence, round, height }: TreeEntry<S>): CarriedFault[] {
  return evidence.map((held) => ({ seat: held.seat, name: faultName(held), round, height }));
}

function moveRoot<S>(draft: Draft<S>, chain: readonly TreeEntry<S>[], tip: Block): void {
  draft.tree = withRoot(draft.tree, chain);
  const blocks = chain.map((entry) => entry.block!);
  draft.leaders = withFinal(draft.leaders, blocks, seatCountOf(draft));
  const payloads = new Map(draft.payloads);
  for (const entry of chain) {
    for (const [i, payload] of entry.payloads.entries()) {
      if (payloads.delete(entry.payloadKeys[i]!)) draft.payloadBytes -= payload.bytes.length;
    }
  }
  draft.payloads = payloads;
  convict(draft, chain);
  draft.certified = new Map([...draft.certified].filter(([round]) => round > tip.round));
  draft.waiting = new Map([...draft.waiting].filter(([, { block }]) => block.round > tip.round));
  log(draft, 'consensus.final', { height: tip.height, round: tip.round });
}
