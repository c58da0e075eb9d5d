/**
 * What a training leaves in the data directory, so that it goes on after any crash: the
 * coordinator's identity, the chain so far, the state it ends in. The state of a round is written
 * before the chain that names it: whenever the power fails, the chain's own state is there.
 */
import { mkdir, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { KadreError } from '../../../src/base/errors.ts';
import { sizeOf } from '../../../src/federated/codec/schema.ts';
import { decodeChain } from '../../../src/federated/round/round-record.ts';
import { arrayOfBytes, bytesOfArray } from '../../../src/kernel/nd-array.ts';
import { npyHeader, parseNpy } from '../../../src/kernel/npy.ts';
import type { Training } from '../../../src/sdk/train.ts';
import { type FileContent, writeFilesAtomic } from '../../../src/store/atomic-file.ts';

const IDENTITY = 'identity';
const CHAIN = 'chain.kadre';

export interface SavedTraining {
  readonly identitySeed: Uint8Array;
  readonly chain: Uint8Array;
  readonly state: Int32Array;
}

export class Checkpoint {
  readonly folder: string;

  /** `id`: 64 hex digits. */
  constructor(dataDir: string, id: string) {
    this.folder = join(dataDir, 'trainings', id);
  }

  /** Before the first round. */
  async begin(identitySeed: Uint8Array, training: Training): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    await writeFilesAtomic([{ file: this.#file(IDENTITY), parts: [identitySeed], mode: 0o600 }]);
    await this.save(training, 0);
  }

  /** `rounds`: how many the chain has. */
  async save(training: Training, rounds: number): Promise<void> {
    await writeFilesAtomic([stateFile(this.#file(stateName(rounds)), training)]);
    await writeFilesAtomic([{ file: this.#file(CHAIN), parts: [training.chain()] }]);
    if (rounds > 0) await unlink(this.#file(stateName(rounds - 1))).catch(() => undefined);
  }

  /** Errors: TRAINING_UNKNOWN, MALFORMED_FILE. */
  async load(): Promise<SavedTraining> {
    const [identitySeed, chain] = await Promise.all([this.#read(IDENTITY), this.#read(CHAIN)]);
    const decoded = decodeChain(chain);
    if (!decoded.ok) {
      const message = `${this.#file(CHAIN)} is no chain: ${decoded.reason}`;
      throw new KadreError({ code: 'MALFORMED_FILE' }, message);
    }
    const file = stateName(decoded.value.rounds.length);
    return { identitySeed, chain, state: stateOf(await this.#read(file), file) };
  }

  #file(name: string): string {
    return join(this.folder, name);
  }

  async #read(name: string): Promise<Uint8Array> {
    try {
      return new Uint8Array(await readFile(this.#file(name)));
    } catch (cause) {
      const advice = 'trainings of this data directory are in its folder `trainings`';
      const message = `no training is on record in ${this.folder}`;
      throw new KadreError({ code: 'TRAINING_UNKNOWN', advice }, message, { cause });
    }
  }
}

type SavedState = Pick<Training, 'state' | 'tensors'>;

const stateName = (rounds: number): string => `state-${rounds}.npy`;

/** `[rows, parameters]`, as the kernel has it. */
export function stateFile(file: string, { state, tensors }: SavedState): FileContent {
  const columns = tensors.reduce((sum, tensor) => sum + sizeOf(tensor), 0);
  const shape = [state.length / columns, columns];
  const header = npyHeader({ dtype: '<i4', shape });
  return { file, parts: [header, bytesOfArray({ data: state, shape })] };
}

/** Errors: MALFORMED_FILE. */
export function stateOf(bytes: Uint8Array, name: string): Int32Array {
  const parsed = parseNpy(bytes);
  if (parsed.ok && parsed.value.dtype === '<i4') {
    return arrayOfBytes(parsed.value, parsed.value.data).data as Int32Array;
  }
  const detail = parsed.ok ? `${parsed.value.dtype}, not <i4` : (parsed.detail ?? parsed.reason);
  throw new KadreError({ code: 'MALFORMED_FILE', data: { parsed: true } }, `${name}: ${detail}`);
}
