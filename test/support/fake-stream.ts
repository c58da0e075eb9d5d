/**
 * A libp2p stream without a connection: records what is sent and lets a test play the other end.
 */
import type { Stream } from '@libp2p/interface';

type Listener = (event: never) => void;

export class FakeStream {
  status: Stream['status'] = 'open';
  readStatus: Stream['readStatus'] = 'readable';
  readableEnded = false;
  readBufferLength = 0;
  writableNeedsDrain = false;
  readonly sent: Uint8Array[] = [];
  readonly calls: string[] = [];
  /** Answers of the next calls to `send`; true when empty. */
  readonly sendAnswers: boolean[] = [];
  readonly #listeners = new Map<string, Set<Listener>>();
  #paused: { byteLength: number }[] = [];

  send(chunk: Uint8Array): boolean {
    this.sent.push(chunk);
    const answer = this.sendAnswers.shift() ?? true;
    if (!answer) this.writableNeedsDrain = true;
    return answer;
  }

  drain(): void {
    this.writableNeedsDrain = false;
    this.#emit('drain', {});
  }

  /** Bytes from the other end; kept back while paused, as the muxer does. */
  receive(data: Uint8Array): void {
    if (this.readStatus === 'paused') this.#paused.push(data);
    else this.#emit('message', { data });
  }

  end(): void {
    this.readableEnded = true;
    this.#emit('end', {});
  }

  abort(error: Error): void {
    this.reset(error);
  }

  reset(error: Error | undefined): void {
    if (this.status !== 'open') return;
    this.status = error === undefined ? 'closed' : 'reset';
    this.#emit('close', { error });
  }

  async close(): Promise<void> {
    this.calls.push('close');
  }

  pause(): void {
    this.calls.push('pause');
    this.readStatus = 'paused';
  }

  resume(): void {
    this.calls.push('resume');
    this.readStatus = 'readable';
    for (const data of this.#paused.splice(0)) this.#emit('message', { data });
  }

  addEventListener(type: string, listener: Listener): void {
    const set = this.#listeners.get(type) ?? new Set();
    set.add(listener);
    this.#listeners.set(type, set);
  }

  removeEventListener(type: string, listener: Listener): void {
    this.#listeners.get(type)?.delete(listener);
  }

  get listenerCount(): number {
    return [...this.#listeners.values()].reduce((sum, set) => sum + set.size, 0);
  }

  asStream(): Stream {
    return this as unknown as Stream;
  }

  #emit(type: string, event: object): void {
    for (const listener of [...(this.#listeners.get(type) ?? [])]) listener(event as never);
  }
}

/** Lets every pending promise reaction and immediate run. */
export async function settle(turns = 3): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
}
