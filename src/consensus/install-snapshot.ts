/**
 * A replica takes a snapshot for its root: pure, and every claim is checked again here. What it
 * held of the chain below is dropped; what lies above is fetched as blocks.
 */
import { toHex } from '../base/bytes.ts';
import { accept, type Checked, refuse } from '../base/verdict.ts';
import type { Executed } from './application.ts';
import type { TreeEntry } from './block-tree.ts';
import { faultName, type HeldEvidence } from './evidence.ts';
import { addExecuted, type ExecutedIds } from './executed-ids.ts';
import { type CarriedFault, type LeaderRecord, NO_RECORD, withFinal } from './leader.ts';
import { blockId } from './messages.ts';
import { type Draft, log, persist, seatCountOf } from './replica-state.ts';
import { sameRoots } from './roots.ts';
import { type CutChain, cutChain, evidenceOfEra, type Snapshot } from './snapshot.ts';
import { snapshotRecords } from './snapshot-records.ts';
import type { Block } from './types.ts';

/** Logs and ignores what does not hold: who offered it is told by whoever fetched it. */
export function installSnapshot<S>(draft: Draft<S>, snapshot: Snapshot): void {
  const checked = checkSnapshot(snapshot);
  if (!checked.ok) {
    log(draft, 'consensus.snapshot-refused', { reason: checked.reason }, 'warn');
    return;
  }
  const { chain, carried } = checked.value;
  const { height, round } = chain.checkpoint;
  // Blocks came first after all.
  if (height <= draft.tree.root.height) return;
  const root = rootOf<S>(chain.checkpoint, snapshot.executed as Executed<S>);
  const executed = executedIn(chain.era);
  draft.tree = { root, entries: new Map([[root.key, root]]), executed };
  draft.leaders = leadersAfter(chain.era, carried, seatCountOf(draft));
  const names = new Set(draft.leaders.faults.map(({ name }) => name));
  draft.evidence = new Map([...draft.evidence].filter(([, held]) => !names.has(faultName(held))));
  draft.certified = new Map([...draft.certified].filter(([at]) => at > round));
  draft.waiting = new Map([...draft.waiting].filter(([, { block }]) => block.round > round));
  if ((draft.finalByChain?.height ?? 0) <= height) draft.finalByChain = undefined;
  forgetExecuted(draft, chain.era);
  deliver(draft, snapshot, chain);
  log(draft, 'consensus.snapshot', { height, round }, 'info');
}

/** Reasons: those of `cutChain` and `evidenceOfEra`, `snapshot-state`. */
export function checkSnapshot(
  snapshot: Snapshot,
): Checked<{ readonly chain: CutChain; readonly carried: readonly (readonly HeldEvidence[])[] }> {
  const { cert, headers, evidence, executed } = snapshot;
  const cut = cutChain(cert, headers);
  if (!cut.ok) return cut;
  const { checkpoint, era } = cut.value;
  if (!sameRoots(executed, checkpoint)) return refuse('snapshot-state');
  const carried = evidenceOfEra(era, evidence);
  return carried.ok ? accept({ chain: cut.value, carried: carried.value }) : carried;
}

function rootOf<S>(block: Block, { state }: Executed<S>): TreeEntry<S> {
  const id = blockId(block);
  return {
    id,
    key: toHex(id),
    block,
    parentKey: toHex(block.parentId),
    round: block.round,
    height: block.height,
    payloads: [],
    payloadKeys: [],
    evidence: [],
    state,
    stored: true,
  };
}

function executedIn(era: readonly Block[]): ExecutedIds {
  let executed: ExecutedIds = [];
  for (const { height, payloadRefs } of era) {
    executed = addExecuted(executed, height, payloadRefs.map(toHex));
  }
  return executed;
}

function leadersAfter(
  era: readonly Block[],
  carried: readonly (readonly HeldEvidence[])[],
  seatCount: number,
): LeaderRecord {
  const faults = era.flatMap(({ round, height }, i): CarriedFault[] =>
    carried[i]!.map((held) => ({ seat: held.seat, name: faultName(held), round, height })),
  );
  return { ...withFinal(NO_RECORD, era, seatCount), faults };
}

function forgetExecuted<S>(draft: Draft<S>, era: readonly Block[]): void {
  const payloads = new Map(draft.payloads);
  for (const ref of era.flatMap(({ payloadRefs }) => payloadRefs)) {
    const key = toHex(ref);
    draft.payloadBytes -= payloads.get(key)?.bytes.length ?? 0;
    payloads.delete(key);
  }
  draft.payloads = payloads;
}

/** The jump is durable before anybody acts on it. */
function deliver<S>(draft: Draft<S>, snapshot: Snapshot, { checkpoint, era, after }: CutChain) {
  const { cert, evidence } = snapshot;
  const { snapshots } = draft.config.application;
  const { root } = draft.tree;
  const state = snapshots === undefined ? new Uint8Array() : snapshots.encode(root.state);
  persist(draft, snapshotRecords(snapshot, { height: checkpoint.height, state }), [
    {
      kind: 'deliver',
      commit: {
        height: root.height,
        blockId: root.id,
        block: checkpoint,
        payloads: [],
        evidence: [],
        state: root.state,
        cert,
        links: after,
        jumped: { headers: era, evidence },
      },
    },
  ]);
}
