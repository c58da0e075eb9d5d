/** One runner process as the node sees it: started, spoken to in frames, killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { KadreError } from '../../base/errors.ts';
import { FRAME, type FrameHeader, FrameReader, frameHeader } from './frames.ts';
import { JSON_BYTES_MAX, parseReady, type RunnerReady } from './messages.ts';

export interface RunnerOptions {
  /**
   * `auto`: each kernel on the best backend that passes its self-test, JavaScript last. The others:
   * that backend for all kernels, untested, for tests and tools.
   */
  readonly backend: 'auto' | 'js' | 'native';
  /** Threads of the native backend; absent: one per processor. */
  readonly threads?: number;
  /** A native backend by name; absent: the best that works. */
  readonly name?: string;
  /** Whether `auto` and `native` may use GPUs. */
  readonly gpu: boolean;
  /** Addon files to try; absent: the local build. */
  readonly addonFiles?: readonly string[];
  /** 0 (normal) to 19 (only idle time). */
  readonly niceness: number;
}

export interface RunnerListener {
  /** True when a RESULT of this length is due for this job. */
  expects(job: number, bytes: number): boolean;
  frame(header: FrameHeader, body: Uint8Array): void;
  /** Once, after the process is gone; `why` says how. */
  ended(why: string): void;
}

/** V8's own heap; input and output bytes are outside it and bounded by the executor. */
const HEAP_MIB_MAX = 256;
const MAIN = fileURLToPath(
  // Sources run as .ts, a published package as .js.
  new URL(`./runner-main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
);

export class RunnerProcess {
  readonly ready: Promise<RunnerReady>;
  readonly #child: ChildProcess;
  readonly #socket: Socket;
  readonly #ended: Promise<void>;

  constructor(options: RunnerOptions, listener: RunnerListener) {
    const flags = [`--max-old-space-size=${HEAP_MIB_MAX}`, '--disable-warning=ExperimentalWarning'];
    this.#child = spawn(process.execPath, [...flags, MAIN, JSON.stringify(options)], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    });
    this.#socket = this.#child.stdio[3] as Socket;
    const errorText = lastOf(this.#child);
    const { promise, resolve, reject } = Promise.withResolvers<RunnerReady>();
    this.ready = promise;
    // Whoever waits for `ready` sees the failure; nobody needs to.
    promise.catch(() => undefined);
    const reader = this.#reader(listener, resolve);
    this.#socket.on('data', (chunk: Uint8Array) => {
      if (!reader.push(chunk)) this.kill();
    });
    // A broken socket is followed by the end of the process, which says why.
    this.#socket.on('error', () => this.kill());
    this.#ended = new Promise((settle) => {
      const onEnd = (how: string) => {
        const text = errorText();
        const why = text === '' ? how : `${how}: ${text}`;
        reject(new KadreError({ code: 'RUNNER_FAILED' }, `the runner process ${why}`));
        settle();
        listener.ended(why);
      };
      this.#child.once('error', (cause) => onEnd(`did not start (${cause.message})`));
      this.#child.once('close', (code, signal) => onEnd(`ended with ${signal ?? `code ${code}`}`));
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  send(kind: number, job: number, body: Uint8Array): void {
    if (!this.#socket.writable) return;
    this.#socket.write(frameHeader({ kind, job, bytes: body.length }));
    if (body.length > 0) this.#socket.write(body);
  }

  /** Joins what is sent meanwhile into few system calls. */
  batch(sends: () => void): void {
    this.#socket.cork();
    sends();
    this.#socket.uncork();
  }

  /** Whether this process keeps the node's event loop alive. */
  keepAlive(isNeeded: boolean): void {
    const change = isNeeded ? 'ref' : 'unref';
    this.#child[change]();
    this.#socket[change]();
    (this.#child.stderr as Socket | null)?.[change]();
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Kills it and waits until it is gone. */
  async stop(): Promise<void> {
    this.keepAlive(true);
    this.kill();
    await this.#ended;
  }

  #reader(listener: RunnerListener, ready: (value: RunnerReady) => void): FrameReader {
    return new FrameReader({
      allocate: ({ kind, job, bytes }) => {
        const isDue =
          kind === FRAME.result ? listener.expects(job, bytes) : bytes <= JSON_BYTES_MAX;
        return isDue ? new Uint8Array(bytes) : undefined;
      },
      receive: (header, body) => {
        if (header.kind !== FRAME.ready) return listener.frame(header, body);
        const value = parseReady(body);
        if (value === undefined) this.kill();
        else ready(value);
      },
    });
  }
}

/** The last words of a process on its standard error, bounded. */
function lastOf(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.on('data', (chunk: Uint8Array) => {
    text = (text + Buffer.from(chunk).toString('utf8')).slice(-4096);
  });
  return () => text.trim().split('\n').slice(-12).join(' | ');
}
