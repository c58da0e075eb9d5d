/**
 * Executed blocks that are not yet final, hanging from the last delivered one. Every entry was
 * executed with the roots its header claims; heights along a branch rise by one. Design
 * consensus.md sections 1.5, 1.8; commits come out oldest first, walked by height (asonnino#84).
 */
import { toHex } from '../base/bytes.ts';
import type { Digest } from '../base/ids.ts';
import type { Payload } from './application.ts';
import { isRemembered } from './eras.ts';
import type { HeldEvidence } from './evidence.ts';
import { addExecuted, type ExecutedIds, hasExecuted } from './executed-ids.ts';
import type { Block } from './types.ts';

export interface TreeEntry<S> {
  readonly id: Digest;
  /** Hex of `id`: the map key. */
  readonly key: string;
  /** Absent only for genesis. */
  readonly block: Block | undefined;
  readonly parentKey: string;
  readonly round: number;
  readonly height: number;
  readonly payloads: readonly Payload[];
  readonly payloadKeys: readonly string[];
  readonly evidence: readonly HeldEvidence[];
  /** Application state after this block. */
  readonly state: S;
  /** True once a record of the block and its payloads was handed to the log. */
  readonly stored: boolean;
}

export interface BlockTree<S> {
  /** The last delivered block, or genesis. */
  readonly root: TreeEntry<S>;
  /** By key, the root included. */
  readonly entries: ReadonlyMap<string, TreeEntry<S>>;
  /** Ids of payloads executed up to and including the root, as far back as they count. */
  readonly executed: ExecutedIds;
}

/** Rounds behind the highest QC for which uncertified side blocks are still kept. */
const SIDE_ROUNDS_KEPT = 16;
/** Entries from which side branches are cut. */
const ENTRIES_SOFT_MAX = 64;

export function treeFromGenesis<S>(id: Digest, state: S): BlockTree<S> {
  const root: TreeEntry<S> = {
    id,
    key: toHex(id),
    block: undefined,
    parentKey: '',
    round: 0,
    height: 0,
    payloads: [],
    payloadKeys: [],
    evidence: [],
    state,
    stored: true,
  };
  return { root, entries: new Map([[root.key, root]]), executed: [] };
}

/** Adds or replaces an entry whose parent is in the tree. */
export function withEntry<S>(tree: BlockTree<S>, entry: TreeEntry<S>): BlockTree<S> {
  const entries = new Map(tree.entries).set(entry.key, entry);
  return { ...tree, root: entry.key === tree.root.key ? entry : tree.root, entries };
}

/** Entries after the root up to `key`, oldest first; undefined when `key` does not descend. */
export function chainTo<S>(tree: BlockTree<S>, key: string): TreeEntry<S>[] | undefined {
  const chain: TreeEntry<S>[] = [];
  for (let at = key; at !== tree.root.key; ) {
    const entry = tree.entries.get(at);
    if (entry === undefined) return undefined;
    chain.push(entry);
    at = entry.parentKey;
  }
  return chain.reverse();
}

/** True when a block after `chain` may not execute the payload, because it was on this branch. */
export function isExecutedOn<S>(
  tree: BlockTree<S>,
  chain: readonly TreeEntry<S>[],
  payloadKey: string,
): boolean {
  const height = (chain.at(-1) ?? tree.root).height + 1;
  return (
    hasExecuted(tree.executed, payloadKey, height) ||
    chain.some((entry) => isRemembered(entry.height, height) && executes(entry, payloadKey))
  );
}

function executes<S>({ payloadKeys }: TreeEntry<S>, payloadKey: string): boolean {
  return payloadKeys.includes(payloadKey);
}

/** Moves the root to the end of `chain` and drops what does not descend from it. */
export function withRoot<S>(tree: BlockTree<S>, chain: readonly TreeEntry<S>[]): BlockTree<S> {
  const root = chain.at(-1);
  if (root === undefined) return tree;
  const kept = new Map([[root.key, root]]);
  // By height, so that every parent is decided before its children.
  for (const entry of byHeight(tree)) if (kept.has(entry.parentKey)) kept.set(entry.key, entry);
  let { executed } = tree;
  for (const entry of chain) executed = addExecuted(executed, entry.height, entry.payloadKeys);
  return { root, entries: kept, executed };
}

/** Cuts side branches that can no longer become final, once there are many entries. */
export function withoutOldBranches<S>(
  tree: BlockTree<S>,
  highQcKey: string,
  highQcRound: number,
): BlockTree<S> {
  if (tree.entries.size <= ENTRIES_SOFT_MAX) return tree;
  const main = chainTo(tree, highQcKey);
  if (main === undefined) return tree;
  const kept = new Map([[tree.root.key, tree.root], ...main.map((e) => [e.key, e] as const)]);
  for (const entry of byHeight(tree)) {
    const isRecent = entry.round >= highQcRound - SIDE_ROUNDS_KEPT;
    if (isRecent && kept.has(entry.parentKey)) kept.set(entry.key, entry);
  }
  return { ...tree, entries: kept };
}

function byHeight<S>(tree: BlockTree<S>): TreeEntry<S>[] {
  return [...tree.entries.values()].sort((a, b) => a.height - b.height);
}
