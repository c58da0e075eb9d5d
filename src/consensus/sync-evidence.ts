/**
 * Checks what makes evidence true before a replica sees it: the signatures that must hold, and for
 * a proposal over a bad certificate that the certificate does not. Design consensus.md, 1.12.
 */
import { accept, type Checked, refuse } from '../base/verdict.ts';
import type { Payload } from './application.ts';
import {
  decodeEvidence,
  type Evidence,
  evidenceOf,
  type HeldEvidence,
  holdEvidence,
  proofOf,
} from './evidence.ts';
import type { SignedMessage, SyncInfo } from './messages.ts';
import type { Check, Electorate } from './signature-checks.ts';

export interface SyncEvidenceComponents {
  readonly seats: Electorate;
  /** True when every signature holds. */
  check(checks: readonly Check[]): Promise<boolean>;
  /** True when nothing more needs to be proven of it. */
  knows(fault: Pick<HeldEvidence, 'seat' | 'fault'>): boolean;
}

export class SyncEvidence {
  readonly #world: SyncEvidenceComponents;

  constructor(components: SyncEvidenceComponents) {
    this.#world = components;
  }

  async prove(evidence: Evidence): Promise<Checked<HeldEvidence>> {
    const { seats, check } = this.#world;
    const proof = proofOf(seats, evidence);
    if (!proof.ok) return proof;
    const { fault, checks, refuted } = proof.value;
    if (!(await check(checks))) return refuse('bad-signature');
    if (refuted !== undefined && (await check(refuted))) return refuse('no-contradiction');
    return accept(holdEvidence(seats, evidence, fault));
  }

  /** What another member found; undefined when the fault is known, which costs no signature. */
  async ofOther(encoded: Uint8Array): Promise<Checked<HeldEvidence | undefined>> {
    const evidence = decodeEvidence(encoded);
    if (!evidence.ok) return evidence;
    const proof = proofOf(this.#world.seats, evidence.value);
    if (!proof.ok) return proof;
    const { fault } = proof.value;
    if (this.#world.knows({ seat: evidence.value.seat, fault })) return accept(undefined);
    return this.prove(evidence.value);
  }

  /** Content that blocks refer to: evidence says so by its shape, all else is the application's. */
  async orPayload(
    encoded: Uint8Array,
    checkPayload: (bytes: Uint8Array) => Promise<Checked<Payload>>,
  ): Promise<Checked<Payload | HeldEvidence>> {
    const evidence = decodeEvidence(encoded);
    return evidence.ok ? this.prove(evidence.value) : checkPayload(encoded);
  }

  /** A proposal that was refused from its author: what it signed may be wrong for everyone. */
  async ofRefused(
    message: SignedMessage | SyncInfo,
    from: number,
  ): Promise<HeldEvidence | undefined> {
    if (message.kind !== 'proposal' || message.block.author !== from) return undefined;
    const proven = await this.prove(evidenceOf(this.#world.seats, from, [message]));
    return proven.ok ? proven.value : undefined;
  }
}
