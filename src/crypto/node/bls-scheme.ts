/**
 * The aggregate scheme for cadres: 96 bytes a certificate, however many signed. One worker thread
 * does the pairings; what arrives while it computes shares its next batch, so nobody waits for a
 * timer and a busy cadre verifies dozens of signatures for the price of a few. Design consensus.md
 * section 1.13.
 */
import { Worker } from 'node:worker_threads';
import { assert } from '../../base/errors.ts';
import type { DomainTag } from '../portable/hash.ts';
import type { SignatureScheme } from '../portable/signature-scheme.ts';
import {
  addSignatures,
  BLS_KEY_BYTES,
  BLS_SIGNATURE_BYTES,
  hasPossession,
  type SignedTriple,
} from './bls-math.ts';
import type { BlsTask } from './bls-worker.ts';

/** Signatures in one batch at most. */
export const BATCH_MAX = 128;
/** Signatures that wait at most; beyond it one is answered with no, and its sender asks again. */
export const WAITING_MAX = 4_096;

const WORKER = new URL(
  // Sources run as .ts, a published package as .js.
  `./bls-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`,
  import.meta.url,
);

interface Waiting {
  readonly triple: SignedTriple;
  readonly resolve: (holds: boolean) => void;
}

interface Sum {
  readonly task: BlsTask;
  readonly resolve: (holds: boolean) => void;
}

export class BlsScheme implements SignatureScheme {
  readonly name = 'bls12-381';
  readonly keyBytes = BLS_KEY_BYTES;
  readonly proofBytes = BLS_SIGNATURE_BYTES;
  readonly signatureBytes = BLS_SIGNATURE_BYTES;
  readonly #possessionTag: DomainTag;
  readonly #singles: Waiting[] = [];
  readonly #sums: Sum[] = [];
  #worker: Worker | undefined;
  /** Takes the answers to what the worker computes now. */
  #running: ((answers: readonly boolean[]) => void) | undefined;

  /** The domain of proofs of possession. */
  constructor(init: { readonly possessionTag: DomainTag }) {
    this.#possessionTag = init.possessionTag;
  }

  joinedBytes(): number {
    return BLS_SIGNATURE_BYTES;
  }

  join(signatures: readonly Uint8Array[]): Uint8Array {
    return addSignatures(signatures);
  }

  parts(): undefined {
    return undefined;
  }

  admits(key: Uint8Array, proof: Uint8Array): boolean {
    return hasPossession(key, proof, this.#possessionTag);
  }

  verify(key: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
    return this.#wait((resolve) => {
      this.#singles.push({ triple: { key, message, signature }, resolve });
    });
  }

  verifyJoined(
    signed: readonly { readonly key: Uint8Array; readonly message: Uint8Array }[],
    joined: Uint8Array,
  ): Promise<boolean> {
    return this.#wait((resolve) => {
      this.#sums.push({ task: { kind: 'sum', signed, sum: joined }, resolve });
    });
  }

  /** Ends the worker; what still waits is answered with no. */
  async close(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#giveUp();
    await worker?.terminate();
  }

  #wait(enter: (resolve: (holds: boolean) => void) => void): Promise<boolean> {
    if (this.#singles.length + this.#sums.length >= WAITING_MAX) return Promise.resolve(false);
    return new Promise((resolve) => {
      enter(resolve);
      this.#next();
    });
  }

  #next(): void {
    if (this.#running !== undefined) return;
    const sum = this.#sums.shift();
    if (sum !== undefined) {
      this.#run(sum.task, [sum.resolve]);
      return;
    }
    const batch = this.#singles.splice(0, BATCH_MAX);
    if (batch.length === 0) return;
    this.#run(
      { kind: 'each', triples: batch.map(({ triple }) => triple) },
      batch.map(({ resolve }) => resolve),
    );
  }

  #run(task: BlsTask, resolvers: readonly ((holds: boolean) => void)[]): void {
    this.#worker ??= this.#spawn();
    this.#running = (answers) => {
      this.#running = undefined;
      for (const [i, resolve] of resolvers.entries()) resolve(answers[i] === true);
    };
    this.#worker.postMessage(task);
  }

  #spawn(): Worker {
    const worker = new Worker(WORKER);
    worker.on('message', (answers: readonly boolean[]) => {
      assert(this.#running !== undefined, 'an answer is to a question');
      this.#running(answers);
      this.#next();
    });
    worker.on('error', () => {
      if (this.#worker === worker) this.#worker = undefined;
      this.#giveUp();
    });
    // A node that has nothing else to do may end. Last, because a listener takes hold of it again.
    worker.unref();
    return worker;
  }

  #giveUp(): void {
    this.#running?.([]);
    for (const { resolve } of [...this.#singles.splice(0), ...this.#sums.splice(0)]) resolve(false);
  }
}
