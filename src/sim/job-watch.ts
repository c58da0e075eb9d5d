/**
 * What must be true of every job, judged at its end from the committed records, the certificate and
 * the reference outputs: see docs/simulator.md, "Jobs". The ledger under test is not asked.
 */
import { concatBytes, equalBytes, toHex, utf8 } from '../base/bytes.ts';
import { nodeIdOf, peerIdOf } from '../base/ids.ts';
import { openCertificate } from '../certificate/open.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import type { FinishedJob } from '../roles/finished-job.ts';
import { capWeights } from '../swarm/placement.ts';
import { offersFor } from '../swarm/requirement.ts';
import type { ConsensusWatch } from './consensus-watch.ts';
import { type OpenedResults, readOpened, shardResult } from './ledger-reader.ts';
import { referencePlacement } from './placement-oracle.ts';
import type { Packet } from './sim-hub.ts';
import type { SimJob } from './sim-job.ts';
import type { SimNode } from './sim-node.ts';
import type { WorldObserver } from './sim-world.ts';
import { readEnvelope, readFields, recordIdOf } from './wire-reader.ts';

export interface JobWatchInit {
  readonly chain: ConsensusWatch<SimNode>;
  /** True for nodes whose results may be wrong; those collude with each other. */
  readonly mayLie: (node: SimNode) => boolean;
  readonly nodes: () => readonly SimNode[];
  /** True for the bytes of a certificate that somebody made up. */
  readonly isForged: (certificate: Uint8Array) => boolean;
}

/** How the canonical bytes go on behind the map's head, so that little else is decoded. */
const RECORD_REQUEST = utf8('atfrecord');
const PAYLOAD_ANSWER = utf8('bid');

export class JobWatch implements WorldObserver {
  readonly faults: string[] = [];
  readonly #init: JobWatchInit;
  readonly #records = new Map<string, Uint8Array>();

  constructor(init: JobWatchInit) {
    this.#init = init;
  }

  /** Keeps every ledger record that is said, by its id. */
  sent(_: SimNode, { protocol, kind, bytes }: Packet): void {
    if (protocol === 'job' && kind === 'request') {
      if (startsWith(bytes, RECORD_REQUEST)) this.#keep(readFields(bytes)?.record);
    } else if (protocol === 'consensus' && kind === 'message') {
      const { message } = readEnvelope(bytes);
      if (startsWith(message, PAYLOAD_ANSWER)) this.#keep(readFields(message)?.bytes);
    }
  }

  async judge(job: SimJob): Promise<void> {
    const { end } = job;
    if (end === undefined) this.faults.push('a job never ended');
    else if (end.kind === 'failed') this.#judgeFailure(end.error.code, end.error.message);
    else await this.#judgeDone(job, end.finished);
  }

  #judgeFailure(code: string, message: string): void {
    // INTERRUPTED and STOPPED would mean that the requester itself gave up without being asked.
    if (code === 'STOPPED' || code === 'INTERRUPTED' || code === 'CERTIFICATE_INVALID') {
      this.faults.push(`a job failed with ${code}: ${message}`);
    }
  }

  async #judgeDone(job: SimJob, finished: FinishedJob): Promise<void> {
    const { plan, results } = finished;
    const orders = this.#checkPlacement(plan);
    const expected = await job.expectedDigests();
    const wrong = new Set<number>();
    const { certificate } = results;
    const accepted = acceptedOf(finished);
    for (const [shard, { digests }] of accepted.entries()) {
      if (equalBytes(digests, concatBytes(expected[shard]!))) continue;
      wrong.add(shard);
      const colluders = entitled(plan, orders[shard]!).filter((peer) => this.#lies(peer));
      if (colluders.length < plan.policy.quorum) {
        this.faults.push(`shard ${shard} is wrong with ${colluders.length} colluders entitled`);
      }
    }
    if (wrong.size === 0) await this.#checkOutputs(job, finished);
    if (certificate === null) return;
    if (this.#init.isForged(certificate)) this.faults.push('a forged certificate was believed');
    this.#checkCertificate(plan, certificate);
    this.#checkShards(finished, { accepted, orders, wrong });
  }

  /** Placement, computed a second time. Gives each shard's order of candidates. */
  #checkPlacement(plan: OpenPlan): number[][] {
    const { seed, spec, policy, workers, nodes, placement } = plan;
    const speeds = workers.map((index) => {
      const offers = offersFor(plan.package.roster[index]!.advert, spec.kernel, spec.requires);
      return Math.max(...offers.map(({ speed }) => speed));
    });
    const weights = capWeights(speeds);
    const candidates = workers.map((index, at) => ({ node: nodes[index]!, weight: weights[at]! }));
    const { replicas } = policy;
    const shardCount = spec.shards;
    const oracle = referencePlacement({ seed, candidates, shardCount, replicas });
    return oracle.firstWaves.map((wave, shard) => {
      const order = [...wave, ...oracle.preferences[shard]!.filter((at) => !wave.includes(at))];
      if (order.join() !== placement.order(shard).join()) {
        this.faults.push(`shard ${shard} is placed on ${placement.order(shard)}, not ${order}`);
      }
      return order;
    });
  }

  async #checkOutputs(job: SimJob, { outputs }: FinishedJob): Promise<void> {
    const whole = await job.expectedOutputs();
    const isRight = whole.every((bytes, i) => equalBytes(bytes, outputs[i]!));
    if (!isRight) this.faults.push('outputs differ from the reference although no shard does');
  }

  /** I8: a certificate that another member makes of this plan is accepted too. */
  #checkCertificate(plan: OpenPlan, accepted: Uint8Array): void {
    for (const node of this.#init.nodes()) {
      const made = node.isUp ? node.roles.cadre?.certificate(plan.planId) : undefined;
      // The requester has opened one of them; of the others one is enough to open here.
      // A reference: an archived plan, whose certificate was this very one.
      if (!(made instanceof Uint8Array) || equalBytes(made, accepted)) continue;
      const opened = openCertificate(made);
      if (!opened.ok) {
        this.faults.push(`I8: node ${node.index} gives a certificate that is ${opened.reason}`);
      }
      return;
    }
  }

  #checkShards(finished: FinishedJob, facts: ShardFacts): void {
    const { plan, outcome } = finished;
    const opened = this.#openedOf(plan);
    if (opened === undefined) return;
    const named = new Set(
      outcome.disputes
        .filter(({ kind }) => kind === 'wrong-result')
        .map(({ shard, peer }) => `${shard} ${peer}`),
    );
    for (const [shard, { workers, digests }] of facts.accepted.entries()) {
      const result = toHex(shardResult(digests));
      const reveals = opened.get(shard) ?? new Map<string, string>();
      const agreeing = [...reveals].filter(([, digest]) => digest === result);
      this.#checkAgreement(plan, { shard, workers, reveals, agreeing: agreeing.length, result });
      const order = entitled(plan, facts.orders[shard]!);
      for (const worker of workers) {
        if (!order.includes(worker)) this.faults.push(`shard ${shard}: ${worker} is not entitled`);
      }
      for (const [worker, digest] of reveals) {
        const isNamed = named.has(`${shard} ${peerOf(worker)}`);
        if (isNamed === (digest !== result)) continue;
        this.faults.push(`shard ${shard}: ${peerOf(worker)} is ${isNamed ? '' : 'not '}named`);
      }
    }
    this.#checkBlame(finished, facts.wrong);
  }

  /** Q distinct workers opened what was accepted, more than half of all who opened anything. */
  #checkAgreement(plan: OpenPlan, facts: AgreementFacts): void {
    const { shard, workers, reveals, agreeing, result } = facts;
    const { quorum } = plan.policy;
    if (agreeing < quorum || 2 * agreeing <= reveals.size) {
      this.faults.push(`shard ${shard} is accepted by ${agreeing} of ${reveals.size}, Q ${quorum}`);
    }
    if (new Set(workers).size !== workers.length || workers.length < quorum) {
      this.faults.push(`shard ${shard} counts ${workers.length} workers, some of them twice`);
    }
    for (const worker of workers) {
      const node = nodeIdOf(worker);
      if (node !== undefined && reveals.get(toHex(node)) === result) continue;
      this.faults.push(`shard ${shard} names ${worker}, who opened something else or nothing`);
    }
  }

  /** Nobody honest is said to have lied. */
  #checkBlame({ outcome }: FinishedJob, wrong: ReadonlySet<number>): void {
    for (const { shard, peer, kind } of outcome.disputes) {
      const node = this.#init.nodes().find(({ peerId }) => peerId === peer);
      if (node === undefined || this.#init.mayLie(node) || wrong.has(shard)) continue;
      if (kind === 'withheld') continue;
      this.faults.push(`honest node ${node.index} is named for ${kind} of shard ${shard}`);
    }
  }

  #openedOf(plan: OpenPlan): OpenedResults | undefined {
    const blocks = this.#init.chain.finalBlocks(toHex(plan.planId));
    const records = blocks.flatMap(({ payloads }) => payloads).map((id) => this.#records.get(id));
    if (records.length === 0 || records.some((record) => record === undefined)) {
      this.faults.push('the final blocks of a certified job were never seen');
      return undefined;
    }
    return readOpened(records.filter((record) => record !== undefined));
  }

  #lies(peer: string): boolean {
    const node = this.#init.nodes().find(({ peerId }) => peerId === peer);
    return node !== undefined && this.#init.mayLie(node);
  }

  #keep(record: unknown): void {
    if (record instanceof Uint8Array) this.#records.set(recordIdOf(record), record.slice());
  }
}

function startsWith(message: Uint8Array, wanted: Uint8Array): boolean {
  return equalBytes(message.subarray(1, 1 + wanted.length), wanted);
}

interface Accepted {
  readonly workers: readonly string[];
  /** Output digests in order, joined. */
  readonly digests: Uint8Array;
}

interface ShardFacts {
  readonly accepted: readonly Accepted[];
  readonly orders: readonly (readonly number[])[];
  readonly wrong: ReadonlySet<number>;
}

interface AgreementFacts {
  readonly shard: number;
  readonly workers: readonly string[];
  readonly reveals: ReadonlyMap<string, string>;
  readonly agreeing: number;
  readonly result: string;
}

/** By shard: from the pieces that the requester collected. */
function acceptedOf({ plan, results }: FinishedJob): Accepted[] {
  const width = plan.kernel.outputs.length;
  return Array.from({ length: plan.spec.shards }, (_, shard) => {
    const pieces = results.pieces.slice(shard * width, (shard + 1) * width);
    return {
      workers: pieces[0]?.holders ?? [],
      digests: concatBytes(pieces.map(({ digest }) => digest)),
    };
  });
}

/** Peers that may ever be asked for a shard: 2R + 1 of its order. */
function entitled(plan: OpenPlan, order: readonly number[]): string[] {
  const reach = order.slice(0, 2 * plan.policy.replicas + 1);
  return reach.map((candidate) => peerIdOf(plan.nodes[plan.workers[candidate]!]!));
}

function peerOf(nodeHex: string): string {
  return peerIdOf(Uint8Array.from(Buffer.from(nodeHex, 'hex')));
}
