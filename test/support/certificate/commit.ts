/** Commit votes and headers of a test certificate. */
import { concatBytes } from '../../../src/base/bytes.ts';
import type { Signer } from '../../../src/base/ports.ts';
import { rootOfColumns } from '../../../src/certificate/check-results.ts';
import type { RosterView } from '../../../src/certificate/check-roster.ts';
import {
  type AcceptedShard,
  packResults,
  ResultColumns,
} from '../../../src/certificate/result-columns.ts';
import { commitSigningBytes } from '../../../src/consensus/messages.ts';
import { bitmapOf } from '../../../src/consensus/seats.ts';
import type { Block, CommitCert } from '../../../src/consensus/types.ts';
import { type CadreEntry, cadreRootOf, type Plan, planIdOf } from '../../../src/job/plan.ts';
import type { ArraySpec } from '../../../src/kernel/contract.ts';
import type { Seats, Swarm } from './parties.ts';
import { labelled, type Recipe } from './recipe.ts';

interface CommitInit {
  readonly plan: Plan;
  readonly seats: Seats;
  readonly swarm: Swarm;
  readonly leaves: readonly AcceptedShard[];
  readonly outputs: readonly ArraySpec[];
}

export function makeCommit(recipe: Recipe, init: CommitInit): CommitCert {
  const { swarm, seats } = init;
  const view: Pick<RosterView, 'at'> = { at: (position) => swarm.adverts[position] };
  const columns = new ResultColumns(packResults(init.outputs, init.leaves));
  const plain: CommitCert = {
    epoch: recipe.standIns?.length ?? 0,
    round: 2,
    height: 2,
    blockId: labelled('block'),
    stateRoot: labelled('state'),
    resultsRoot: rootOfColumns(columns, view),
    signers: new Uint8Array(0),
    sigs: new Uint8Array(0),
  };
  return voteFor(recipe.bend?.commit?.(plain) ?? plain, {
    plan: init.plan,
    entries: seats.entries,
    keys: seats.keys,
    votes: recipe.votes ?? [...seats.keys.keys()],
  });
}

export interface Voters {
  readonly plan: Plan;
  readonly entries: readonly CadreEntry[];
  readonly keys: readonly Signer[];
  readonly votes: readonly number[];
}

/** The commit certificate over this body, signed by these seats. */
export function voteFor(commit: CommitCert, voters: Voters): CommitCert {
  const { plan, entries, keys, votes } = voters;
  const domain = {
    planId: planIdOf(plan),
    epoch: commit.epoch,
    cadreRoot: cadreRootOf(entries),
  };
  const message = commitSigningBytes(domain, commit);
  return {
    ...commit,
    signers: bitmapOf(votes, entries.length),
    sigs: concatBytes(votes.map((seat) => keys[seat]!.sign(message))),
  };
}

export interface HeaderChain {
  readonly planId: Uint8Array;
  readonly resultsRoot: Uint8Array;
  /** Of the newest block. */
  readonly height: number;
  readonly blocks: number;
}

/**
 * A chain of empty blocks over the result block, newest first, and the commit body that names it.
 */
export function headerChain(init: HeaderChain, idOf: (block: Block) => Uint8Array): Block[] {
  const chain: Block[] = [];
  let parentId: Uint8Array = labelled('parent');
  for (let i = 0; i < init.blocks; i++) {
    const block: Block = {
      version: 1,
      planId: init.planId,
      epoch: 0,
      round: init.height - init.blocks + 1 + i,
      height: init.height - init.blocks + 1 + i,
      parentId,
      qc: {
        epoch: 0,
        round: init.height - init.blocks + i,
        blockId: parentId,
        parentRound: 0,
        signers: new Uint8Array(1),
        sigs: new Uint8Array(0),
      },
      author: 0,
      payloadRefs: [],
      evidence: [],
      resultsRoot: init.resultsRoot,
      stateRoot: labelled('state'),
      timeMs: 0,
    };
    chain.unshift(block);
    parentId = idOf(block);
  }
  return chain;
}
