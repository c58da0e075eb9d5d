/**
 * A training computed again from its updates: every state and every trace, bit for bit
 * (docs/protocol/federated-round.md, section 7).
 */
import { equalBytes } from '../../base/bytes.ts';
import { accept, type Checked, refuse } from '../../base/verdict.ts';
import { blobRoot } from '../../blob/tree.ts';
import { aggregateRound } from './aggregate-round.ts';
import type { CheckedRound, OpenChain } from './check-chain.ts';
import { parametersOf } from './training-plan.ts';

export interface ReplayMaterial {
  /** Before the first round. */
  readonly state: Int32Array;
  /** The kernel's input `updates` of a round; undefined when it is not there. */
  readonly updatesOf: (round: number) => Promise<Uint8Array | undefined>;
}

/** The last state. Reasons: `wrong-input`, `missing-updates`, `not-reproduced`, of the kernel. */
export async function replayChain(
  chain: OpenChain,
  material: ReplayMaterial,
): Promise<Checked<Int32Array>> {
  let { state } = material;
  if (!equalBytes(rootOf(state), chain.training.plan.state)) {
    return refuse('wrong-input', 'reject', 'this is not the state before the first round');
  }
  for (const checked of chain.rounds) {
    const updates = await material.updatesOf(checked.record.round);
    const next = replayRound(chain, checked, { state, updates });
    if (!next.ok) {
      const { reason, detail = reason } = next;
      return refuse(reason, 'reject', `round ${checked.record.round}: ${detail}`);
    }
    state = next.value;
  }
  return accept(state);
}

function replayRound(
  { training }: OpenChain,
  { record, certificate }: CheckedRound,
  { state, updates }: { readonly state: Int32Array; readonly updates: Uint8Array | undefined },
): Checked<Int32Array> {
  if (updates === undefined) return refuse('missing-updates');
  const input = certificate.spec.inputs.find(({ name }) => name === 'updates');
  if (input === undefined || !equalBytes(blobRoot(updates), input.root)) {
    return refuse('wrong-input', 'reject', 'these are not the updates that were aggregated');
  }
  const { plan, id } = training;
  const { statements } = record;
  const inputs = { schema: plan.schema, state, statements, updates };
  const outcome = aggregateRound(parametersOf(plan, id, record), inputs);
  if (!outcome.ok) return outcome;
  const { state: next, trace } = outcome.value;
  const isSame = equalBytes(rootOf(next), record.state) && equalBytes(trace, record.trace);
  return isSame ? accept(next) : refuse('not-reproduced');
}

function rootOf({ buffer, byteOffset, byteLength }: Int32Array): Uint8Array {
  return blobRoot(new Uint8Array(buffer, byteOffset, byteLength));
}
