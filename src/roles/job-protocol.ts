/**
 * The one handler of the `job` protocol: decodes what peers say about jobs and hands it to the role
 * it is for. Whatever is malformed costs the sender, never this node.
 */
import { KadreError } from '../base/errors.ts';
import type { PeerId } from '../base/ids.ts';
import type { BlobStore, Network } from '../base/ports.ts';
import type { Refusal } from '../base/verdict.ts';
import { blobRoot } from '../blob/tree.ts';
import type { CadreService } from './cadre-service.ts';
import type { InputHolder } from './input-holder.ts';
import {
  decodeMessage,
  encodeMessage,
  INLINE_CERTIFICATE_BYTES_MAX,
  type JobRequest,
  jobNoticeShape,
  jobRequestShape,
  refusedAnswer,
} from './job-messages.ts';
import type { PlanCache } from './plan-cache.ts';
import type { Requester } from './requester.ts';
import type { WorkGate } from './work-gate.ts';
import type { Worker } from './worker.ts';

export interface JobProtocolComponents {
  readonly network: Network;
  /** Where large certificates are fetched from. */
  readonly blobs: Pick<BlobStore, 'put'>;
  readonly plans: PlanCache;
  readonly holder: InputHolder;
  /** Absent roles answer with a refusal. */
  readonly worker?: Worker | undefined;
  readonly cadre?: CadreService | undefined;
  readonly requester: Requester;
  /** Whether seats are taken. */
  readonly gate: WorkGate;
}

export class JobProtocol {
  readonly name = 'job-protocol';
  readonly #components: JobProtocolComponents;
  #unhandle: (() => void) | undefined;

  constructor(components: JobProtocolComponents) {
    this.#components = components;
  }

  async start(): Promise<void> {
    this.#unhandle = this.#components.network.handle('job', {
      request: async (from, body) => this.#request(from, body),
      message: (from, body) => this.#message(from, body),
    });
  }

  async stop(): Promise<void> {
    this.#unhandle?.();
  }

  async #request(from: PeerId, body: Uint8Array): Promise<Uint8Array> {
    const request = decodeMessage(body, jobRequestShape);
    if (!request.ok) return this.#refuse(from, request);
    return this.#answer(from, request.value);
  }

  async #answer(from: PeerId, request: JobRequest): Promise<Uint8Array> {
    const { worker, cadre, gate } = this.#components;
    switch (request.t) {
      case 'convene':
        if (cadre === undefined) return refusedAnswer('not-cadre-capable');
        if (gate.closedFor !== undefined) return refusedAnswer('draining', gate.closedFor);
        return cadre.convene(from, request.seat, request.package);
      case 'stand-in':
        if (cadre === undefined) return refusedAnswer('not-cadre-capable');
        if (gate.closedFor !== undefined) return refusedAnswer('draining', gate.closedFor);
        return cadre.standIn(from, request);
      case 'handover':
        return cadre?.handover(from, request) ?? refusedAnswer('unknown-plan');
      case 'open':
        if (cadre === undefined) return refusedAnswer('not-cadre-capable');
        return cadre.open(from, request);
      case 'assign': {
        if (worker === undefined) return refusedAnswer('not-entitled', 'this node is no worker');
        const plan = this.#components.plans.open(request.package);
        if (!plan.ok) return this.#refuse(from, plan);
        return worker.assign(from, plan.value, request);
      }
      case 'record':
        return this.#record(from, request.planId, request.record);
      case 'ask':
        return this.#repeat(from, request.planId);
      case 'certificate':
        return this.#certificate(request.planId);
      case 'find':
        return (await cadre?.find(request.jobId, request.plan)) ?? refusedAnswer('unknown-job');
      case 'known':
        return cadre?.known(request.computationId) ?? refusedAnswer('not-cadre-capable');
      case 'hold':
        return this.#hold(from, request.planId);
      case 'alive':
        if (worker?.worksOn(request.planId)) return encodeMessage({ t: 'ok' });
        throw new KadreError({ code: 'JOB_UNKNOWN' }, 'this plan is not worked on here');
      case 'why':
        return this.#why(from, request);
      case 'doing':
        return worker?.doing(from, request) ?? refusedAnswer('unknown-plan');
    }
  }

  /** A member or a worker of the plan; only for its requester. */
  async #hold(from: PeerId, planId: Uint8Array): Promise<Uint8Array> {
    const { cadre, worker, holder } = this.#components;
    const plan = cadre?.livePlan(from, planId) ?? worker?.livePlan(from, planId);
    if (plan === undefined) return refusedAnswer('unknown-plan');
    const missing = await holder.hold(plan);
    if (!missing.ok) return refusedAnswer(missing.reason, missing.detail ?? '');
    return encodeMessage({ t: 'held', missing: missing.value });
  }

  async #certificate(planId: Uint8Array): Promise<Uint8Array> {
    const { cadre, blobs } = this.#components;
    const content = cadre?.certificate(planId);
    if (content === undefined) return refusedAnswer('no-certificate');
    if ('root' in content) {
      return encodeMessage({ t: 'certificate', root: content.root, size: content.bytes });
    }
    const size = content.length;
    if (size <= INLINE_CERTIFICATE_BYTES_MAX) {
      return encodeMessage({ t: 'certificate', root: blobRoot(content), size, content });
    }
    const { root } = await blobs.put(content);
    return encodeMessage({ t: 'certificate', root, size });
  }

  #record(from: PeerId, planId: Uint8Array, record: Uint8Array): Uint8Array {
    const { cadre, requester } = this.#components;
    const judge = requester.judgeOf(planId);
    const taken = judge?.record(from, record) ?? cadre?.record(from, planId, record);
    if (taken === undefined) return refusedAnswer('unknown-plan');
    return taken.ok ? encodeMessage({ t: 'ok' }) : this.#refuse(from, taken);
  }

  #repeat(from: PeerId, planId: Uint8Array): Uint8Array {
    const { cadre, requester } = this.#components;
    const judge = requester.judgeOf(planId);
    judge?.repeat(from);
    cadre?.repeat(from, planId);
    const isKnown = judge !== undefined || cadre?.knows(planId) === true;
    return isKnown ? encodeMessage({ t: 'ok' }) : refusedAnswer('unknown-plan');
  }

  #why(from: PeerId, request: Extract<JobRequest, { t: 'why' }>): Uint8Array {
    const { network, cadre, requester } = this.#components;
    // Without a cadre the requester asks itself.
    const own = from === network.self ? requester.judgeOf(request.planId) : undefined;
    return own?.why(request) ?? cadre?.why(from, request) ?? refusedAnswer('unknown-plan');
  }

  #message(from: PeerId, body: Uint8Array): void {
    const { network, worker, cadre, requester } = this.#components;
    const notice = decodeMessage(body, jobNoticeShape);
    if (!notice.ok) {
      network.penalise(from, notice.penalty, notice.reason);
      return;
    }
    const { value } = notice;
    switch (value.t) {
      case 'closed':
        worker?.closed(from, value.planId, value.wave, value.shards);
        return;
      case 'ended':
        worker?.ended(from, value.planId);
        return;
      case 'suspect':
        // Without a cadre the requester tells itself; nobody else has a say.
        if (from === network.self) requester.judgeOf(value.planId)?.suspect(value.worker);
        cadre?.suspect(from, value.planId, value.worker);
        return;
      case 'cadre':
        worker?.cadre(from, value.planId, value.links);
        requester.notice(from, value.planId, value);
        return;
      case 'computed':
      case 'progress':
        requester.notice(from, value.planId, value);
        return;
      case 'outcome':
        requester.notice(from, value.outcome.planId, value);
        return;
    }
  }

  #refuse(from: PeerId, refusal: Refusal): Uint8Array {
    const { penalty, reason, detail } = refusal;
    this.#components.network.penalise(from, penalty, reason);
    return refusedAnswer(reason, detail ?? '');
  }
}
