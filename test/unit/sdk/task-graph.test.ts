import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { toHex } from '../../../src/base/bytes.ts';
import { KadreError } from '../../../src/base/errors.ts';
import {
  combineTree,
  type GraphTask,
  runGraph,
  type TaskGraph,
  type TaskOutput,
} from '../../../src/sdk/task-graph.ts';
import type { JobResult, Swarm, Work } from '../../../src/sdk/types.ts';
import { testSwarm } from '../../../src/sim.ts';
import { openCertificate } from '../../../src/verify.ts';

const array = (...values: number[]) => ({
  data: Float32Array.from(values),
  shape: [values.length],
});
const out = (task: string): TaskOutput => ({ task, output: 'out' });
const sumOf = (a: TaskOutput, b: TaskOutput): GraphTask => {
  return { kernel: 'sum', inputs: { a, b } };
};

/** Adds its inputs up; tells what was under way when a job began. */
function adder(delayOf: (n: number) => number = () => 0) {
  const log: { underWay: number; work: Work }[] = [];
  let underWay = 0;
  const submit = async (_kernel: string, work: Work) => {
    log.push({ underWay, work });
    underWay += 1;
    const delay = delayOf(log.length);
    const result = async () => {
      for (let i = 0; i < delay; i++) await Promise.resolve();
      underWay -= 1;
      const inputs = Object.values(work.inputs ?? {}) as { data: Float32Array }[];
      const sum = inputs.reduce((total, { data }) => total + data[0]!, 0);
      if (Number.isNaN(sum)) throw new KadreError({ code: 'KERNEL_FAILED' }, 'not a number');
      return { outputs: { out: array(sum) } };
    };
    return { result };
  };
  return { swarm: { submit } as unknown as Pick<Swarm, 'submit'>, log };
}

test('tasks run once their inputs are there, each once, and the last ones are the results', async () => {
  const { swarm, log } = adder();
  const graph: TaskGraph = {
    late: sumOf(out('left'), out('right')),
    left: { kernel: 'sum', inputs: { a: out('base') } },
    right: { kernel: 'sum', inputs: { a: out('base'), b: array(10) } },
    base: { kernel: 'sum', inputs: { a: array(1) } },
  };
  const results = await runGraph(swarm, graph);
  assert.deepEqual(Object.keys(results), ['late']);
  assert.deepEqual(results.late!.outputs.out!.data, Float32Array.of(12));
  assert.equal(log.length, 4);
});

test('any graph gives what running it one task after the other gives', async () => {
  const graphs = fc.array(fc.tuple(fc.nat(), fc.nat(), fc.integer({ min: -9, max: 9 })), {
    minLength: 1,
    maxLength: 14,
  });
  await fc.assert(
    fc.asyncProperty(graphs, fc.integer({ min: 1, max: 6 }), async (tasks, concurrency) => {
      const graph: Record<string, GraphTask> = {};
      const expected: number[] = [];
      for (const [i, [a, b, own]] of tasks.entries()) {
        const sources = i === 0 ? [] : [...new Set([a % i, b % i])];
        const inputs: Record<string, ReturnType<typeof array> | TaskOutput> = { own: array(own) };
        for (const source of sources) inputs[`x${source}`] = out(`t${source}`);
        graph[`t${i}`] = { kernel: 'sum', inputs };
        expected[i] = sources.reduce((sum, source) => sum + expected[source]!, own);
      }
      const { swarm, log } = adder((n) => (n * 7) % 5);
      const wanted = Object.keys(graph);
      const results = await runGraph(swarm, graph, { concurrency, wanted });
      for (const [i, value] of expected.entries()) {
        assert.equal((results[`t${i}`]!.outputs.out!.data as Float32Array)[0], Math.fround(value));
      }
      assert.equal(log.length, tasks.length, 'each task is one job');
      assert.ok(log.every(({ underWay }) => underWay < concurrency));
    }),
  );
});

test('what nothing needs is not run', async () => {
  const { swarm, log } = adder();
  const graph: TaskGraph = {
    a: { kernel: 'sum', inputs: { x: array(1) } },
    b: { kernel: 'sum', inputs: { x: out('a') } },
    other: { kernel: 'sum', inputs: { x: array(5) } },
  };
  assert.deepEqual(Object.keys(await runGraph(swarm, graph, { wanted: ['b'] })), ['b']);
  assert.equal(log.length, 2);
});

test('a graph that cannot run is refused before anything is sent', async () => {
  const one = (inputs: GraphTask['inputs']): GraphTask => ({ kernel: 'sum', inputs: inputs! });
  const graphs: TaskGraph[] = [
    { a: one({ x: out('a') }) },
    { a: one({ x: out('b') }), b: one({ x: out('a') }), c: one({ x: out('b') }) },
    { a: one({ x: out('nowhere') }) },
  ];
  for (const graph of graphs) {
    const { swarm, log } = adder();
    await assert.rejects(runGraph(swarm, graph), { code: 'USAGE' });
    assert.equal(log.length, 0);
  }
  await assert.rejects(runGraph(adder().swarm, {}, { wanted: ['a'] }), { code: 'USAGE' });
  await assert.rejects(runGraph(adder().swarm, {}, { concurrency: 0 }), { code: 'USAGE' });
});

test('a task that fails, or lacks an output, ends the graph with its error', async () => {
  const failing: TaskGraph = {
    bad: { kernel: 'sum', inputs: { x: array(Number.NaN) } },
    after: { kernel: 'sum', inputs: { x: out('bad') } },
  };
  await assert.rejects(runGraph(adder().swarm, failing), { code: 'KERNEL_FAILED' });
  const lacking: TaskGraph = {
    a: { kernel: 'sum', inputs: { x: array(1) } },
    b: { kernel: 'sum', inputs: { x: { task: 'a', output: 'elsewhere' } } },
  };
  await assert.rejects(runGraph(adder().swarm, lacking), /`a` has no output `elsewhere`/);
});

test('a chain of thousands of iterations runs', async () => {
  const graph: Record<string, GraphTask> = { t0: { kernel: 'sum', inputs: { x: array(0) } } };
  for (let i = 1; i <= 3_000; i++) {
    graph[`t${i}`] = { kernel: 'sum', inputs: { x: out(`t${i - 1}`), one: array(1) } };
  }
  const { t3000 } = await runGraph(adder().swarm, graph);
  assert.deepEqual(t3000!.outputs.out!.data, Float32Array.of(3_000));
});

test('a tree combines all parts once, in an order that only their number decides', async () => {
  for (const count of [1, 2, 3, 7, 8]) {
    const graph: Record<string, GraphTask> = {};
    const parts = Array.from({ length: count }, (_, i) => {
      graph[`p${i}`] = { kernel: 'sum', inputs: { x: array(2 ** i) } };
      return out(`p${i}`);
    });
    const { task } = combineTree(graph, 'total', parts, { combine: sumOf, output: 'out' });
    assert.equal(Object.keys(graph).length, 2 * count - 1);
    const results = await runGraph(adder().swarm, graph, { wanted: [task] });
    assert.deepEqual(results[task]!.outputs.out!.data, Float32Array.of(2 ** count - 1));
  }
  assert.throws(() => combineTree({}, 'none', [], { combine: sumOf, output: 'out' }), {
    code: 'USAGE',
  });
});

test('map, then reduce, on a swarm: certified end to end, each input the output before', async () => {
  await using swarm = await testSwarm({ nodes: 7, seed: 5 });
  const values = Float32Array.from({ length: 10_000 }, (_, i) => i % 13);
  const results: Record<string, JobResult> = {};
  const graph: TaskGraph = {
    squares: {
      kernel: 'map@1',
      parameters: { expression: 'x*x' },
      inputs: { x: { data: values, shape: [values.length] } },
    },
    sum: {
      kernel: 'reduce@1',
      parameters: { op: 'sum', level: 3 },
      inputs: { x: out('squares') },
    },
  };
  const run = () =>
    runGraph(swarm, graph, {
      onResult: (task, result) => {
        results[task] = result;
      },
    });
  const { sum } = await run();
  const expected = values.reduce((total, value) => total + value * value, 0);
  assert.deepEqual(sum!.outputs.out!.data, Float32Array.of(expected));
  const opened = openCertificate(sum!.certificate!);
  assert.ok(opened.ok);
  const { root } = opened.value.spec.inputs[0]!;
  assert.equal(toHex(root), results.squares!.summary.outputs.out!.digest);
  const before = results.squares!.summary.jobId;
  await run();
  assert.equal(results.squares!.summary.jobId, before, 'what is certified is not computed again');
});
