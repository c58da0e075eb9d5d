/** The epochs of a test certificate: seats given away one after the other, each properly signed. */
import { ZERO_DIGEST } from '../../../src/base/ids.ts';
import type { EpochLink } from '../../../src/certificate/epochs.ts';
import type { CommitCert } from '../../../src/consensus/types.ts';
import { signTagged } from '../../../src/crypto/portable/signed.ts';
import { seatsAfter } from '../../../src/job/cadre.ts';
import {
  type CadreEntry,
  cadreEntryBody,
  cadreRootOf,
  type Plan,
  planIdOf,
} from '../../../src/job/plan.ts';
import { TAGS } from '../../../src/wire/tags.ts';
import { voteFor } from './commit.ts';
import type { Seats } from './parties.ts';
import { labelled, namedSigner, type Recipe } from './recipe.ts';

export interface Epochs {
  readonly links: readonly EpochLink[];
  /** Who sits in the last one. */
  readonly last: Seats;
}

/** `recipe.standIns`: seats that are given away, to the ranks that follow the seated ones. */
export function makeEpochs(recipe: Recipe, plan: Plan, first: Seats): Epochs {
  const links: EpochLink[] = [];
  let seats = first;
  for (const [epoch, seat] of (recipe.standIns ?? []).entries()) {
    const key = namedSigner(`${recipe.label ?? 'certificate'}/stand-in/${epoch}`);
    const entry = makeEntry(recipe, plan, {
      seat,
      node: first.spare[epoch]!.nodeId,
      key: key.publicKey,
    });
    const entries = seatsAfter(seats.entries, [entry]);
    const plain: CommitCert = {
      epoch,
      round: 3,
      height: 2,
      blockId: labelled(`end of epoch ${epoch}`),
      stateRoot: labelled(`state of epoch ${epoch}`),
      resultsRoot: ZERO_DIGEST,
      nextCadreRoot: cadreRootOf(entries),
      signers: new Uint8Array(0),
      sigs: new Uint8Array(0),
    };
    const voters = { plan, entries: seats.entries, keys: seats.keys };
    const votes = recipe.epochVotes ?? [...seats.keys.keys()];
    const commit = voteFor(recipe.bend?.epochCommit?.(plain) ?? plain, { ...voters, votes });
    links.push({ commit, entry });
    const keys = seats.keys.with(seat < seats.keys.length ? seat : 0, key);
    seats = { ...seats, entries, keys };
  }
  return { links, last: seats };
}

function makeEntry(recipe: Recipe, plan: Plan, plain: Omit<CadreEntry, 'signature'>): CadreEntry {
  const entry = recipe.bend?.standIn?.(plain) ?? plain;
  const { seat, node, key } = entry;
  const body = cadreEntryBody(planIdOf(plan), seat, key);
  const signer = recipe.bend?.standInSigner ?? signerOf(recipe, node);
  return { ...entry, signature: signTagged(signer, TAGS.signCadreEntry, body) };
}

function signerOf({ label = 'certificate', nodes = 7 }: Recipe, node: Uint8Array) {
  const all = Array.from({ length: nodes }, (_, index) => namedSigner(`${label}/node/${index}`));
  return all.find(({ nodeId }) => nodeId.every((byte, i) => byte === node[i])) ?? all[0]!;
}
