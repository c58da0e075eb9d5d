/**
 * Plans opened on this node: requester, worker and member of one process recompute a plan once.
 * Keyed by everything the opened plan depends on; bounded, oldest out first.
 */
import { toHex } from '../base/bytes.ts';
import type { Checked } from '../base/verdict.ts';
import { taggedHash } from '../crypto/portable/hash.ts';
import { type OpenPlan, openPlan, type PlanChecks } from '../job/open-plan.ts';
import { cadreRootOf, type PlanPackage, planIdOf } from '../job/plan.ts';
import { encodeCanonical } from '../wire/cbor.ts';
import { TAGS } from '../wire/tags.ts';

/** Live plans of one node (job.md section 4.7) and some that just ended. */
const PLANS_MAX = 96;

export class PlanCache {
  readonly #checks: PlanChecks;
  readonly #plans = new Map<string, Checked<OpenPlan>>();

  constructor(checks: PlanChecks) {
    this.#checks = checks;
  }

  open(pkg: PlanPackage): Checked<OpenPlan> {
    const key = keyOf(pkg);
    const known = this.#plans.get(key);
    if (known !== undefined) return known;
    const opened = openPlan(pkg, this.#checks);
    if (!opened.ok) return opened;
    if (this.#plans.size >= PLANS_MAX) this.#plans.delete(this.#plans.keys().next().value!);
    this.#plans.set(key, opened);
    return opened;
  }
}

/** The plan id binds job and roster, the cadre root the seats; skipped ranks are what is left. */
function keyOf(pkg: PlanPackage): string {
  const skipped = encodeCanonical(pkg.skipped);
  return toHex(taggedHash(TAGS.plan, planIdOf(pkg.plan), cadreRootOf(pkg.cadre), skipped));
}
