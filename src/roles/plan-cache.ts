/**
 * Plans opened on this node. Requester, worker and member of one process recompute a plan once, and
 * what a draft of it proved is not proved again when the cadre is complete. Keyed by everything the
 * opened plan depends on; bounded, oldest out first.
 */
import { toHex } from '../base/bytes.ts';
import type { NodeId } from '../base/ids.ts';
import { accept, type Checked } from '../base/verdict.ts';
import { taggedHash } from '../crypto/portable/hash.ts';
import {
  type DraftPlan,
  type OpenPlan,
  openBase,
  type PlanBase,
  type PlanChecks,
  rankDraft,
  seatPlan,
} from '../job/open-plan.ts';
import { cadreRootOf, type PlanPackage, planIdOf } from '../job/plan.ts';
import { encodeCanonical } from '../wire/cbor.ts';
import { TAGS } from '../wire/tags.ts';

/** Live plans of one node (job.md section 4.7) and some that just ended. */
const PLANS_MAX = 96;

export class PlanCache {
  readonly #checks: PlanChecks;
  readonly #bases = new Map<string, PlanBase>();
  readonly #plans = new Map<string, OpenPlan>();

  constructor(checks: PlanChecks) {
    this.#checks = checks;
  }

  /** Reasons: those of `openPlan`. */
  open(pkg: PlanPackage): Checked<OpenPlan> {
    const key = keyOf(pkg);
    const known = this.#plans.get(key);
    if (known !== undefined) return accept(known);
    const base = this.#base(pkg);
    if (!base.ok) return base;
    const opened = seatPlan(base.value, pkg);
    if (opened.ok) keep(this.#plans, key, opened.value);
    return opened;
  }

  /** Reasons: those of `openDraft`. */
  openDraft(pkg: PlanPackage, node: NodeId): Checked<DraftPlan> {
    const base = this.#base(pkg);
    return base.ok ? rankDraft(base.value, pkg, node) : base;
  }

  /** The plan id binds the job and the roster, so one base serves every package of a plan. */
  #base(pkg: PlanPackage): Checked<PlanBase> {
    const key = toHex(planIdOf(pkg.plan));
    const known = this.#bases.get(key);
    if (known !== undefined) return accept(known);
    const opened = openBase(pkg, this.#checks);
    if (opened.ok) keep(this.#bases, key, opened.value);
    return opened;
  }
}

function keep<T>(map: Map<string, T>, key: string, value: T): void {
  if (map.size >= PLANS_MAX) map.delete(map.keys().next().value!);
  map.set(key, value);
}

/** The plan id binds job and roster, the cadre root the seats; skipped ranks are all that is left. */
function keyOf(pkg: PlanPackage): string {
  const skipped = encodeCanonical(pkg.skipped);
  return toHex(taggedHash(TAGS.plan, planIdOf(pkg.plan), cadreRootOf(pkg.cadre), skipped));
}
