/**
 * Small facts that a node keeps between runs, in one JSON file: the last advert's sequence number,
 * and measured speeds by backend and version. Losing the file costs a measurement, nothing else.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFilesAtomic } from '../src/store/atomic-file.ts';

export type Speeds = Readonly<Record<string, number>>;

interface StateFile {
  readonly sequence: number;
  /** What was measured, e.g. `kadre/0.0.1 cpu/avx2 2`. */
  readonly measured: string;
  readonly speeds: Speeds;
}

/** Where a data directory keeps it. */
export function stateFile(dataDir: string): string {
  return join(dataDir, 'state.json');
}

export class NodeState {
  readonly #file: string;
  #state: StateFile;
  #writing: Promise<void> = Promise.resolve();

  private constructor(file: string, state: StateFile) {
    this.#file = file;
    this.#state = state;
  }

  /** An absent or unreadable file is an empty one. */
  static async load(file: string): Promise<NodeState> {
    let value: Partial<StateFile> = {};
    try {
      value = (JSON.parse(await readFile(file, 'utf8')) ?? {}) as Partial<StateFile>;
    } catch {
      // Measured and written anew below.
    }
    const { sequence, measured, speeds } = value;
    return new NodeState(file, {
      sequence: Number.isSafeInteger(sequence) ? Number(sequence) : 0,
      measured: typeof measured === 'string' ? measured : '',
      speeds: isSpeeds(speeds) ? speeds : {},
    });
  }

  get sequence(): number {
    return this.#state.sequence;
  }

  /** The last measurement, whatever it was of. */
  get measurement(): { readonly measured: string; readonly speeds: Speeds } {
    const { measured, speeds } = this.#state;
    return { measured, speeds };
  }

  /** Speeds measured under exactly this description. */
  speedsOf(measured: string): Speeds | undefined {
    return this.#state.measured === measured ? this.#state.speeds : undefined;
  }

  /** Written behind: a lost update is repaired by the wall clock in the next sequence number. */
  update(change: Partial<StateFile>): void {
    this.#state = { ...this.#state, ...change };
    this.#writing = this.#writing
      .then(() => {
        const text = `${JSON.stringify(this.#state)}\n`;
        return writeFilesAtomic([{ file: this.#file, parts: [text], mode: 0o600 }]);
      })
      .catch(() => undefined);
  }

  async flush(): Promise<void> {
    await this.#writing;
  }
}

function isSpeeds(value: unknown): value is Speeds {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((speed) => Number.isSafeInteger(speed) && speed >= 1)
  );
}
