/** One job of a simulated requester, and what its outputs must be. */
import { asKadreError, type KadreError } from '../base/errors.ts';
import { JsExecutor } from '../compute/local-executor.ts';
import { buildSpec } from '../job/build-spec.ts';
import { derivePolicy, type PolicyChoice } from '../job/policy.ts';
import type { InputRef } from '../job/spec.ts';
import type { FinishedJob } from '../roles/finished-job.ts';
import type { RequesterJob } from '../roles/requester-job.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { SimNode } from './sim-node.ts';

export interface SimJobOrder {
  readonly kernel: 'noop@1' | 'gemm.f32@1';
  readonly shards: number;
  readonly policy: PolicyChoice;
}

/** What the requester's user sees at the end. */
export type SimJobEnd =
  | { readonly kind: 'done'; readonly finished: FinishedJob }
  | { readonly kind: 'failed'; readonly error: KadreError };

interface Input {
  readonly name: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

const WAIT_PEERS_MS = 10_000;
/** Rows and columns: small, because worlds measure agreement and not arithmetic. */
const GEMM = { m: 16, k: 4, n: 4 };
const NOOP_BYTES = 64;

export class SimJob {
  readonly order: SimJobOrder;
  /** Undefined while it runs. */
  end: SimJobEnd | undefined;
  endedMs = 0;
  job: RequesterJob | undefined;
  readonly #inputs: readonly Input[];

  constructor(order: SimJobOrder, random: SeededRandom) {
    this.order = order;
    this.#inputs = order.kernel === 'noop@1' ? [] : gemmInputs(random);
  }

  /** Runs to its end; never throws. */
  async run(client: SimNode, networkId: string): Promise<void> {
    try {
      this.end = { kind: 'done', finished: await this.#submit(client, networkId) };
    } catch (cause) {
      this.end = { kind: 'failed', error: asKadreError(cause, 'STOPPED', 'not a coded failure') };
    }
  }

  /** Blob roots of the outputs, by shard and output: what honest workers find. */
  async expectedDigests(): Promise<Uint8Array[][]> {
    const results = await this.#compute(this.order.shards);
    return results.map(({ outputs }) => outputs.map(({ root }) => root));
  }

  /** The whole outputs' bytes. */
  async expectedOutputs(): Promise<Uint8Array[]> {
    const [whole] = await this.#compute(1);
    return whole!.outputs.map(({ content }) => content);
  }

  get #parameters(): Record<string, number> {
    return this.order.kernel === 'noop@1' ? { items: NOOP_BYTES } : {};
  }

  async #submit(client: SimNode, networkId: string): Promise<FinishedJob> {
    const { kernel, shards } = this.order;
    const { scout, requester } = client.roles;
    const policy = derivePolicy(this.order.policy);
    const { replicas: workersMin, cadre: cadreMin } = policy;
    await scout.gather({ kernel, workersMin, cadreMin, waitMs: WAIT_PEERS_MS });
    const refs: InputRef[] = [];
    for (const { name, shape, bytes } of this.#inputs) {
      const { root } = await client.blobs.put(bytes);
      refs.push({ name, dtype: '<f4', shape: [...shape], root });
    }
    const job = buildSpec(
      {
        kernelId: kernel,
        parameters: this.#parameters,
        inputs: refs,
        shards,
        policy,
        network: networkId,
        nonce: client.random.bytes(16),
      },
      client.signer,
    );
    const started = await requester.submit({ job, waitPeersMs: WAIT_PEERS_MS });
    this.job = started.job;
    return started.finished;
  }

  #compute(shardCount: number) {
    return new JsExecutor().run({
      kernel: this.order.kernel,
      parameters: this.#parameters,
      inputs: this.#inputs.map(({ name, shape, bytes }) => {
        return { name, shape, segments: [{ offset: 0, bytes }] };
      }),
      shardCount,
      shards: Array.from({ length: shardCount }, (_, shard) => shard),
    });
  }
}

function gemmInputs(random: SeededRandom): Input[] {
  const { m, k, n } = GEMM;
  const matrix = (name: string, rows: number, columns: number): Input => {
    const values = Float32Array.from({ length: rows * columns }, () => random.integer(64) - 32);
    return { name, shape: [rows, columns], bytes: new Uint8Array(values.buffer) };
  };
  return [matrix('a', m, k), matrix('b', k, n)];
}
