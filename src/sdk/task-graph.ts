/**
 * Several jobs that feed each other: tasks over kernels, whose inputs are arrays or outputs of
 * earlier tasks. An output is addressed by its digest, which is the root of the blob that the next
 * job's spec names, so the certificates of a graph are one chain from the given inputs to the last
 * result. Run again, what is certified already is not computed again; what was lost of it is.
 */
import { KadreError } from '../base/errors.ts';
import { anySignal, throwIfAborted } from '../base/signals.ts';
import type { InputArray, NdArray } from '../kernel/nd-array.ts';
import type { JobResult, SubmitOptions, Swarm, Work } from './types.ts';

/** An output of another task of the graph. */
export interface TaskOutput {
  readonly task: string;
  readonly output: string;
}

export interface GraphTask extends Omit<Work, 'inputs'> {
  readonly kernel: string;
  readonly inputs?: Readonly<Record<string, InputArray | TaskOutput>>;
}

/** Tasks by name. */
export type TaskGraph = Readonly<Record<string, GraphTask>>;

export interface GraphOptions extends SubmitOptions {
  /** Jobs under way at once, 1 to 64; default 4. */
  readonly concurrency?: number;
  /** Tasks whose results are wanted; default: those that feed no other. */
  readonly wanted?: readonly string[];
  /** Hears of each task that has ended, in that order. */
  readonly onResult?: (task: string, result: JobResult) => void;
}

/** How two outputs become one. */
export interface Combination {
  readonly combine: (left: TaskOutput, right: TaskOutput) => GraphTask;
  /** The output of that task which goes on. */
  readonly output: string;
}

const CONCURRENCY_DEFAULT = 4;
const CONCURRENCY_MAX = 64;
const TASKS_MAX = 65_536;

/**
 * Runs what the wanted results need, each task as soon as its inputs are there, and gives results
 * by task. An output is let go when nothing needs it any more. The first failure ends it, with the
 * error of that job; the others that are under way are cancelled.
 *
 * Errors: USAGE for a graph that names what it lacks or goes in a circle, before anything is sent;
 * those of every job.
 *
 * @example
 * const { sum } = await runGraph(swarm, {
 *   squares: { kernel: 'map@1', parameters: { expression: 'x*x' }, inputs: { x } },
 *   sum: { kernel: 'reduce@1', parameters: { op: 'sum', level: 3 },
 *          inputs: { x: { task: 'squares', output: 'out' } } },
 * });
 */
export async function runGraph(
  swarm: Pick<Swarm, 'submit'>,
  graph: TaskGraph,
  options: GraphOptions = {},
): Promise<Record<string, JobResult>> {
  const { concurrency = CONCURRENCY_DEFAULT, wanted, onResult, signal, ...submit } = options;
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > CONCURRENCY_MAX) {
    throw new KadreError({ code: 'USAGE' }, `\`concurrency\` must be 1 to ${CONCURRENCY_MAX}`);
  }
  const order = orderOf(graph, wanted ?? lastOf(graph));
  const failed = new AbortController();
  const run = new GraphRun(graph, order, wanted ?? lastOf(graph));
  const cancel = anySignal(signal, failed.signal);
  const lane = async (): Promise<void> => {
    for (let task = await run.next(); task !== undefined; task = await run.next()) {
      throwIfAborted(cancel);
      const { kernel, ...work } = graph[task]!;
      const inputs = run.inputsOf(task);
      const job = await swarm.submit(kernel, { ...work, inputs }, { ...submit, signal: cancel });
      const result = await job.result({ signal: cancel });
      run.ended(task, result);
      onResult?.(task, result);
    }
  };
  const lanes = Array.from({ length: Math.min(concurrency, order.length) }, lane);
  try {
    await Promise.all(lanes);
    return run.results;
  } finally {
    failed.abort(new KadreError({ code: 'INTERRUPTED' }, 'another task of the graph failed'));
    run.stop();
    await Promise.allSettled(lanes);
  }
}

/**
 * Adds tasks that combine these outputs two by two, in an order that only depends on their number,
 * so that sums of floats have the same bits however many machines take part. Gives the last one.
 *
 * @example
 * const total = combineTree(graph, 'total', parts, {
 *   combine: (x, y) => ({ kernel: 'map@1', parameters: { expression: 'x+y' }, inputs: { x, y } }),
 *   output: 'out',
 * });
 */
export function combineTree(
  graph: Record<string, GraphTask>,
  name: string,
  parts: readonly TaskOutput[],
  { combine, output }: Combination,
): TaskOutput {
  let level = [...parts];
  if (level.length === 0) throw new KadreError({ code: 'USAGE' }, `\`${name}\` combines nothing`);
  for (let depth = 0; level.length > 1; depth++) {
    const next: TaskOutput[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const [left, right] = [level[i]!, level[i + 1]];
      // An odd one goes up as it is.
      if (right === undefined) {
        next.push(left);
        continue;
      }
      const task = `${name}/${depth}/${i / 2}`;
      graph[task] = combine(left, right);
      next.push({ task, output });
    }
    level = next;
  }
  return level[0]!;
}

/** One run: which tasks wait for what, and which results somebody still needs. */
class GraphRun {
  readonly results: Record<string, JobResult> = {};
  readonly #graph: TaskGraph;
  readonly #wanted: ReadonlySet<string>;
  /** All inputs are there; oldest first. */
  readonly #ready: string[] = [];
  /** Sources that have not ended yet, by task. */
  readonly #missing = new Map<string, number>();
  readonly #readers = new Map<string, string[]>();
  readonly #held = new Map<string, JobResult>();
  /** Tasks that still need a result, by task. */
  readonly #needs = new Map<string, number>();
  /** Tasks that have not been handed out. */
  #left: number;
  #changed = Promise.withResolvers<void>();

  constructor(graph: TaskGraph, order: readonly string[], wanted: readonly string[]) {
    this.#graph = graph;
    this.#wanted = new Set(wanted);
    this.#left = order.length;
    for (const task of order) {
      const sources = sourcesOf(graph[task]!);
      this.#missing.set(task, sources.length);
      if (sources.length === 0) this.#ready.push(task);
      for (const source of sources) {
        const readers = this.#readers.get(source) ?? [];
        readers.push(task);
        this.#readers.set(source, readers);
        this.#needs.set(source, readers.length);
      }
    }
  }

  /** The next task whose inputs are there; undefined when none is left. */
  async next(): Promise<string | undefined> {
    while (this.#left > 0) {
      const task = this.#ready.shift();
      if (task === undefined) {
        await this.#changed.promise;
        continue;
      }
      this.#left -= 1;
      return task;
    }
    // Others may wait for a task that never comes.
    this.#tell();
    return undefined;
  }

  /** A task that starts holds its inputs itself. */
  inputsOf(task: string): Record<string, InputArray> {
    const inputs: Record<string, InputArray> = {};
    for (const [name, input] of Object.entries(this.#graph[task]!.inputs ?? {})) {
      inputs[name] = isOutput(input) ? this.#arrayOf(name, task, input) : input;
    }
    for (const source of sourcesOf(this.#graph[task]!)) {
      const left = this.#needs.get(source)! - 1;
      this.#needs.set(source, left);
      if (left === 0) this.#held.delete(source);
    }
    return inputs;
  }

  ended(task: string, result: JobResult): void {
    if (this.#wanted.has(task)) this.results[task] = result;
    if ((this.#needs.get(task) ?? 0) > 0) this.#held.set(task, result);
    for (const reader of this.#readers.get(task) ?? []) {
      const missing = this.#missing.get(reader)! - 1;
      this.#missing.set(reader, missing);
      if (missing === 0) this.#ready.push(reader);
    }
    this.#tell();
  }

  stop(): void {
    this.#left = 0;
    this.#tell();
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  #arrayOf(name: string, task: string, { task: source, output }: TaskOutput): NdArray {
    const array = this.#held.get(source)!.outputs[output];
    if (array !== undefined) return array;
    const lack = `\`${source}\` has no output \`${output}\``;
    const message = `input \`${name}\` of task \`${task}\`: ${lack}`;
    throw new KadreError({ code: 'USAGE' }, message);
  }
}

/** What the wanted tasks need, sources before those they feed. Errors: USAGE. */
function orderOf(graph: TaskGraph, wanted: readonly string[]): string[] {
  if (Object.keys(graph).length > TASKS_MAX) {
    throw new KadreError({ code: 'USAGE' }, `a graph has at most ${TASKS_MAX} tasks`);
  }
  const order: string[] = [];
  const state = new Map<string, 'open' | 'done'>();
  // Its own stack: a chain of iterations may be longer than the call stack.
  const stack = wanted.toReversed();
  while (stack.length > 0) {
    const task = stack.at(-1)!;
    const known = graph[task];
    if (known === undefined) throw new KadreError({ code: 'USAGE' }, `no task \`${task}\``);
    if (state.has(task)) {
      stack.pop();
      if (state.get(task) === 'open') order.push(task);
      state.set(task, 'done');
      continue;
    }
    state.set(task, 'open');
    for (const source of sourcesOf(known).reverse()) {
      if (state.get(source) === 'open') {
        throw new KadreError({ code: 'USAGE' }, `task \`${source}\` needs its own result`);
      }
      if (!state.has(source)) stack.push(source);
    }
  }
  return order;
}

/** Tasks that feed no other. */
function lastOf(graph: TaskGraph): string[] {
  const feeding = new Set(Object.values(graph).flatMap(sourcesOf));
  const last = Object.keys(graph).filter((task) => !feeding.has(task));
  if (last.length > 0 || feeding.size === 0) return last;
  throw new KadreError({ code: 'USAGE' }, 'every task of the graph feeds another');
}

/** Each once. */
function sourcesOf(task: GraphTask): string[] {
  const outputs = Object.values(task.inputs ?? {}).filter(isOutput);
  return [...new Set(outputs.map((output) => output.task))];
}

function isOutput(input: InputArray | TaskOutput): input is TaskOutput {
  return 'task' in input;
}
