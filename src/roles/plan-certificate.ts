/**
 * The certificate of one finished plan at one member: made when somebody asks, or a little later
 * anyway, because every member keeps it (step 11 of the life of a job). Making it at once at every
 * member would cost all of them the time that one requester waits for one of them.
 */
import { toHex } from '../base/bytes.ts';
import type { BlobRef, BlobStore, Clock, Logger, Timer } from '../base/ports.ts';
import { certifyLedger } from '../certificate/build.ts';
import type { Commit } from '../consensus/effects.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import type { JobState } from './ledger-application.ts';

export interface PlanCertificateComponents {
  readonly clock: Clock;
  readonly log: Logger;
  readonly blobs: BlobStore;
}

export interface PlanCertificateInit {
  readonly plan: OpenPlan;
  /** The block that finished the job. */
  readonly commit: Commit<JobState>;
  /** When nobody asked by then it is made and stored. */
  readonly storeAfterMs: number;
}

export interface MadeCertificate {
  readonly content: Uint8Array;
  readonly ref: BlobRef;
}

export class PlanCertificate {
  readonly #components: PlanCertificateComponents;
  readonly #init: PlanCertificateInit;
  readonly #timer: Timer;
  #made: Promise<MadeCertificate> | undefined;

  constructor(components: PlanCertificateComponents, init: PlanCertificateInit) {
    this.#components = components;
    this.#init = init;
    this.#timer = components.clock.setTimer(init.storeAfterMs, () => {
      this.get().catch((cause: unknown) => {
        const planId = toHex(init.plan.planId);
        components.log.log('error', 'certificate-not-stored', { planId, cause: String(cause) });
      });
    });
  }

  /** Made and stored once. Errors: DISK_FAILED. */
  get(): Promise<MadeCertificate> {
    this.#timer.cancel();
    this.#made ??= this.#make();
    return this.#made;
  }

  stop(): void {
    this.#timer.cancel();
  }

  /** Whoever fetches it verifies it; our own check would only delay the requester. */
  async #make(): Promise<MadeCertificate> {
    const { plan, commit } = this.#init;
    const headers = commit.links.length === 0 ? [] : [...commit.links.toReversed(), commit.block];
    const content = certifyLedger(plan, commit.state.ledger, { commit: commit.cert, headers });
    return { content, ref: await this.#components.blobs.put(content) };
  }
}
