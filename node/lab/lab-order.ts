/**
 * What the lab tells each of its node processes: one JSON argument, checked on arrival. It is the
 * only way to ask a node to misbehave, and only the lab's own entry reads it (contract.md, "Lab").
 */
import { KadreError } from '../../src/base/errors.ts';
import { suggestion } from '../../src/base/nearest-name.ts';
import { BEHAVIOURS, type Behaviour } from '../../src/sim/worker-behaviours.ts';
import type { NodeSettings } from '../serve-node.ts';

export { BEHAVIOURS, type Behaviour };

export const LAB_NODES_MAX = 64;

export interface LabOrder {
  readonly v: 1;
  /** Position in the lab, from 0. */
  readonly index: number;
  /** null: honest. */
  readonly behaviour: Behaviour | null;
  readonly seed: number;
  readonly settings: NodeSettings;
}

/** Errors: USAGE. */
export function parseLabOrder(text: string | undefined): LabOrder {
  let value: unknown;
  try {
    value = JSON.parse(text ?? '');
  } catch (cause) {
    throw new KadreError({ code: 'USAGE' }, 'a lab node needs its order as JSON', { cause });
  }
  const order = value as Partial<LabOrder> | null;
  const isKnown = order?.behaviour === null || BEHAVIOURS.includes(order?.behaviour as Behaviour);
  if (order?.v !== 1 || !isKnown || typeof order.settings !== 'object') {
    throw new KadreError({ code: 'USAGE' }, 'a lab node needs {v: 1, behaviour, seed, settings}');
  }
  return order as LabOrder;
}

/** One behaviour per node: null for the honest ones, the Byzantine last. Errors: USAGE. */
export function assignBehaviours(
  nodes: number,
  byzantine: number | undefined,
  list: string | undefined,
): (Behaviour | null)[] {
  const named = list === undefined ? undefined : parseBehaviours(list);
  const count = byzantine ?? named?.length ?? 0;
  if (count > nodes - 1) {
    const message = `${count} Byzantine nodes of ${nodes}: the first node is always honest`;
    throw new KadreError({ code: 'USAGE' }, message);
  }
  const cycle = named ?? BEHAVIOURS;
  return Array.from({ length: nodes }, (_, index) => {
    const rank = index - (nodes - count);
    return rank < 0 ? null : (cycle[rank % cycle.length] ?? null);
  });
}

function parseBehaviours(list: string): Behaviour[] {
  return list.split(',').map((name) => {
    const known = BEHAVIOURS.find((behaviour) => behaviour === name.trim());
    if (known !== undefined) return known;
    const advice = suggestion(name, BEHAVIOURS) || `choose from ${BEHAVIOURS.join(', ')}`;
    throw new KadreError({ code: 'USAGE', advice }, `unknown behaviour \`${name.slice(0, 32)}\``);
  });
}
