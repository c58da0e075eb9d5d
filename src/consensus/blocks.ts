/**
 * Taking blocks and payloads in: a block enters the tree only when its parent is there, every
 * payload is held, and executing them gives exactly the roots it claims. Otherwise it waits and
 * what it lacks is fetched; "ignore unknown blocks" would leave a lagging seat stuck for good
 * (relab#288). Design consensus.md sections 1.4 (c), 1.8.
 */
import { equalBytes, toHex } from '../base/bytes.ts';
import type { Digest } from '../base/ids.ts';
import type { Payload } from './application.ts';
import { chainTo, isExecutedOn, type TreeEntry, withEntry } from './block-tree.ts';
import { fetchBlock } from './certificates.ts';
import { isRemembered } from './eras.ts';
import { faultName, type HeldEvidence } from './evidence.ts';
import { blockId } from './messages.ts';
import { breach, type Draft, log } from './replica-state.ts';
import { differenceOf } from './roots.ts';
import { seatsOf } from './seats.ts';
import type { Block } from './types.ts';

/** Payloads held beside the final chain, by count and by bytes; the oldest make room. */
export const PAYLOADS_HELD_MAX = 4096;
export const PAYLOAD_BYTES_HELD_MAX = 256 << 20;
/** Blocks that wait for a parent or a payload. */
export const BLOCKS_WAITING_MAX = 64;

/** Holds a verified payload; repeated ones change nothing. */
export function holdPayload<S>(draft: Draft<S>, payload: Payload): void {
  const key = toHex(payload.id);
  if (draft.payloads.has(key) || isExecutedOn(draft.tree, [], key)) return;
  const payloads = new Map(draft.payloads).set(key, payload);
  draft.payloadBytes += payload.bytes.length;
  for (const [oldest, { bytes }] of payloads) {
    const isOver = payloads.size > PAYLOADS_HELD_MAX || draft.payloadBytes > PAYLOAD_BYTES_HELD_MAX;
    if (!isOver || oldest === key) break;
    payloads.delete(oldest);
    draft.payloadBytes -= bytes.length;
    log(draft, 'consensus.payload-dropped', { id: oldest });
  }
  draft.payloads = payloads;
  takeWaitingFor(draft, payload.id);
}

/** Blocks that lacked this payload, or this evidence, may go on. */
export function takeWaitingFor<S>(draft: Draft<S>, id: Digest): void {
  for (const { block, key } of draft.waiting.values()) {
    const refs = [...block.payloadRefs, ...block.evidence];
    if (refs.some((ref) => equalBytes(ref, id))) takeBlock(draft, block, key);
  }
}

/** Inserts a block, or lets it wait; children that waited for it follow. */
export function takeBlock<S>(draft: Draft<S>, block: Block, key = toHex(blockId(block))): void {
  if (draft.breached || draft.tree.entries.has(key)) return;
  if (block.round <= draft.tree.root.round) return;
  const parentKey = toHex(block.parentId);
  const parent = draft.tree.entries.get(parentKey);
  if (parent === undefined) {
    if (!draft.waiting.has(parentKey)) fetchBlock(draft, block.qc);
    wait(draft, block, key);
    return;
  }
  const { payloads, evidence, missing } = lookUp(draft, parent, block);
  if (missing.length > 0) {
    const { seats, self } = draft.config.pen.seats;
    const signers = seatsOf(block.qc.signers, seats.length) ?? [];
    const holders = [block.author, ...signers.filter((seat) => seat !== block.author)];
    const others = holders.filter((seat) => seat !== self);
    draft.effects.push({ kind: 'fetch-payloads', ids: missing, seats: others });
    wait(draft, block, key);
    return;
  }
  const entry = executeBlock(draft, parent, block, { payloads, evidence });
  stopWaiting(draft, key);
  if (typeof entry === 'string') {
    refuseBlock(draft, block, { key, reason: entry });
    return;
  }
  draft.tree = withEntry(draft.tree, entry);
  for (const child of draft.waiting.values()) {
    if (equalBytes(child.block.parentId, entry.id)) takeBlock(draft, child.block, child.key);
  }
}

/** Payloads of a block: held ones, or those of a sibling branch that executed them. */
function lookUp<S>(draft: Draft<S>, parent: TreeEntry<S>, block: Block) {
  const payloads: Payload[] = [];
  const missing: Digest[] = [];
  for (const ref of block.payloadRefs) {
    const key = toHex(ref);
    const payload = draft.payloads.get(key) ?? inTree(draft, key);
    if (payload !== undefined) payloads.push(payload);
    else if (!isExecutedOn(draft.tree, chainTo(draft.tree, parent.key) ?? [], key)) {
      missing.push(ref);
    }
  }
  const evidence: HeldEvidence[] = [];
  for (const ref of block.evidence) {
    const held = draft.evidence.get(toHex(ref)) ?? evidenceInTree(draft, toHex(ref));
    if (held === undefined) missing.push(ref);
    else evidence.push(held);
  }
  return { payloads, evidence, missing };
}

function evidenceInTree<S>(draft: Draft<S>, key: string): HeldEvidence | undefined {
  for (const entry of draft.tree.entries.values()) {
    const held = entry.evidence.find((candidate) => candidate.key === key);
    if (held !== undefined) return held;
  }
  return undefined;
}

function inTree<S>(draft: Draft<S>, key: string): Payload | undefined {
  for (const entry of draft.tree.entries.values()) {
    const at = entry.payloadKeys.indexOf(key);
    if (at >= 0) return entry.payloads[at];
  }
  return undefined;
}

/** What a block refers to, in its order. */
interface Contents {
  readonly payloads: readonly Payload[];
  readonly evidence: readonly HeldEvidence[];
}

/** Executes on the parent; a text says why the block is invalid. */
function executeBlock<S>(
  draft: Draft<S>,
  parent: TreeEntry<S>,
  block: Block,
  { payloads, evidence }: Contents,
): TreeEntry<S> | string {
  if (block.height !== parent.height + 1) return 'wrong height';
  if (block.qc.round !== parent.round) return 'its QC is of another round than its parent';
  const chain = chainTo(draft.tree, parent.key) ?? [];
  const payloadKeys = block.payloadRefs.map((ref) => toHex(ref));
  if (payloadKeys.some((key) => isExecutedOn(draft.tree, chain, key))) return 'payload repeated';
  const proven = provenOn(draft, chain, block.height);
  const faults = evidence.map(faultName);
  if (new Set([...proven, ...faults]).size < proven.size + faults.length) return 'fault repeated';
  const { application } = draft.config;
  if (payloads.length > 0 && application.isFinal(parent.state)) return 'nothing may follow';
  const result = application.execute(parent.state, payloads);
  if (!result.ok) return result.reason;
  const { state } = result.value;
  const wrong = differenceOf(result.value, block);
  if (wrong !== undefined) return `claimed ${wrong}`;
  const id = blockId(block);
  const { round, height } = block;
  const names = { id, key: toHex(id), parentKey: parent.key };
  const contents = { payloads, payloadKeys, evidence };
  return { ...names, block, round, height, ...contents, state, stored: false };
}

/** Faults on record for a block of this height: those of its branch and of the final chain. */
export function provenOn<S>(
  draft: Draft<S>,
  chain: readonly TreeEntry<S>[],
  height: number,
): Set<string> {
  const onRecord = chain.filter((entry) => isRemembered(entry.height, height));
  return new Set([
    ...draft.leaders.faults.filter((fault) => isRemembered(fault.height, height)).map(nameOf),
    ...onRecord.flatMap((entry) => entry.evidence.map(faultName)),
  ]);
}

const nameOf = ({ name }: { readonly name: string }): string => name;

/** An invalid block that a quorum certified means more Byzantine seats than we tolerate. */
function refuseBlock<S>(
  draft: Draft<S>,
  block: Block,
  why: { readonly key: string; readonly reason: string },
): void {
  log(draft, 'consensus.block-refused', { round: block.round, reason: why.reason });
  if (draft.certified.get(block.round) !== why.key) return;
  breach(draft, `a certified block does not execute: ${why.reason}`, { block });
}

function wait<S>(draft: Draft<S>, block: Block, key: string): void {
  if (draft.waiting.has(key)) return;
  const waiting = new Map(draft.waiting).set(key, { block, key });
  if (waiting.size > BLOCKS_WAITING_MAX) {
    const lowest = [...waiting.values()].reduce((a, b) => (b.block.round < a.block.round ? b : a));
    waiting.delete(lowest.key);
  }
  draft.waiting = waiting;
}

function stopWaiting<S>(draft: Draft<S>, key: string): void {
  if (!draft.waiting.has(key)) return;
  const waiting = new Map(draft.waiting);
  waiting.delete(key);
  draft.waiting = waiting;
}
