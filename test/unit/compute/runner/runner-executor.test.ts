import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { KadreError } from '../../../../src/base/errors.ts';
import type { ExecutionRequest } from '../../../../src/compute/executor.ts';
import { RunnerExecutor, type RunnerInit } from '../../../../src/compute/runner/runner-executor.ts';
import { silentLogger, testClock } from '../../../oracles/test-clock.ts';

async function started(context: TestContext, init: RunnerInit = {}): Promise<RunnerExecutor> {
  const components = { clock: testClock, logger: silentLogger };
  const executor = new RunnerExecutor(components, { backend: 'js', ...init });
  context.after(() => executor.stop());
  await executor.start();
  return executor;
}

function noop(shardCount: number, shards = [...new Array(shardCount).keys()]): ExecutionRequest {
  return { kernel: 'noop@1', parameters: { items: 65_536 }, inputs: [], shardCount, shards };
}

/** A product that keeps cpu/js busy for seconds unless it is stopped; one shard per row. */
function endless(shardCount: number): ExecutionRequest {
  const input = (name: string) => ({
    name,
    shape: [2048, 2048],
    segments: [{ offset: 0, bytes: new Uint8Array(2048 * 2048 * 4) }],
  });
  const inputs = [input('a'), input('b')];
  return { kernel: 'gemm.f32@1', parameters: {}, inputs, shardCount, shards: [0] };
}

const codeOf = (code: string) => (cause: unknown) =>
  cause instanceof KadreError && cause.code === code;

/** Running, as opposed to gone or waiting to be reaped. */
function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !/\) [ZX] /.test(stat);
  } catch {
    return false;
  }
}

test('many tiny shards in one request, in the order asked for', async (context) => {
  const executor = await started(context);
  const shards = [...new Array(5000).keys()].reverse();
  const results = await executor.run(noop(5000, shards));
  assert.deepEqual(
    results.map(({ shard }) => shard),
    shards,
  );
  const bytes = results.reduce((sum, { outputs }) => sum + outputs[0]!.content.length, 0);
  assert.equal(bytes, 65_536);
});

test('cancelling ends the work and the next request runs', async (context) => {
  const executor = await started(context);
  const before = executor.pid;
  const controller = new AbortController();
  const run = executor.run(endless(1), { signal: controller.signal });
  setTimeout(() => controller.abort(), 20);
  await assert.rejects(run, codeOf('INTERRUPTED'));
  assert.equal((await executor.run(noop(3))).length, 3);
  assert.notEqual(executor.pid, before, 'the busy process was replaced');
  assert.ok(!isAlive(before!));
});

test('cancelling a waiting request leaves the running one alone', async (context) => {
  const executor = await started(context);
  const before = executor.pid;
  const controller = new AbortController();
  const first = executor.run(noop(3000));
  const second = executor.run(noop(3000), { signal: controller.signal });
  controller.abort();
  await assert.rejects(second, codeOf('INTERRUPTED'));
  assert.equal((await first).length, 3000);
  assert.equal(executor.pid, before);
});

test('a crash fails the request under way, and only that one', async (context) => {
  const executor = await started(context);
  const crashed = executor.run(endless(1));
  const waiting = executor.run(noop(2000));
  process.kill(executor.pid!, 'SIGKILL');
  await assert.rejects(
    crashed,
    (cause) => cause instanceof KadreError && cause.code === 'RUNNER_FAILED' && cause.retryable,
  );
  assert.equal((await waiting).length, 2000);
  assert.equal((await executor.run(noop(4))).length, 4);
});

test('requests take turns: a long one does not hold up a short one', async (context) => {
  const executor = await started(context);
  const controller = new AbortController();
  // 2048 shards of one row, each its own batch on cpu/js.
  const request = { ...endless(2048), shards: [...new Array(2048).keys()] };
  const long = executor.run(request, { signal: controller.signal });
  const short = await executor.run(noop(10));
  assert.equal(short.length, 10);
  controller.abort();
  await assert.rejects(long, codeOf('INTERRUPTED'));
});

test('more requests or bytes than allowed are refused', async (context) => {
  const executor = await started(context, { requestsMax: 1, inputBytesMax: 1000 });
  await assert.rejects(executor.run(endless(1)), codeOf('OVERLOADED'));
  const first = executor.run(noop(2000));
  await assert.rejects(executor.run(noop(1)), codeOf('OVERLOADED'));
  assert.equal((await first).length, 2000);
});

test('a shard whose output is too large is refused, the next request is not', async (context) => {
  const executor = await started(context, { outputBytesMax: 20_000 });
  await assert.rejects(executor.run(noop(3)), codeOf('OVERLOADED'));
  assert.equal((await executor.run(noop(4))).length, 4);
});

test('requests that do not fit together run one after the other', async (context) => {
  const executor = await started(context, { inputBytesMax: 40 });
  const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
  const input = (name: string, bytes: Uint8Array) => ({
    name,
    shape: [2, 2],
    segments: [{ offset: 0, bytes }],
  });
  const inputs = [input('a', floats(1, 2, 3, 4)), input('b', floats(5, 6, 7, 8))];
  const request = { kernel: 'gemm.f32@1', parameters: {}, inputs, shardCount: 1, shards: [0] };
  const all = await Promise.all([1, 2, 3].map(() => executor.run(request)));
  for (const [result] of all) {
    assert.deepEqual(result!.outputs[0]!.content.slice(), floats(19, 22, 43, 50));
  }
});

test('stopping rejects what is under way; a stopped runner stays stopped', async (context) => {
  const executor = await started(context);
  const pid = executor.pid!;
  const run = executor.run(endless(1));
  const rejected = assert.rejects(run, codeOf('STOPPED'));
  await executor.stop();
  await rejected;
  assert.ok(!isAlive(pid));
  await assert.rejects(executor.run(noop(1)), codeOf('STOPPED'));
  await executor.stop();
});

test('a runner that cannot start says why', async () => {
  const components = { clock: testClock, logger: silentLogger };
  const executor = new RunnerExecutor(components, {
    backend: 'native',
    addonFiles: ['/nonexistent/kadre.node'],
  });
  await assert.rejects(executor.start(), (cause) => {
    assert.ok(cause instanceof KadreError);
    assert.equal(cause.code, 'RUNNER_FAILED');
    assert.match(cause.message, /no such file/);
    return true;
  });
  await executor.stop();
});

test('without a native addon JavaScript runs, and the reasons are kept', async (context) => {
  const executor = await started(context, {
    backend: 'auto',
    addonFiles: ['/nonexistent/kadre.node'],
  });
  assert.equal(executor.backend.name, 'cpu/js');
  assert.equal(executor.details.addonFailures[0]?.reason, 'no such file');
  assert.match(executor.details.addonFailures[0]!.remedy, /g\+\+/);
});

test('a runner ends with its node, however that ends', { timeout: 20_000 }, async () => {
  const script = fileURLToPath(new URL('./orphan.ts', import.meta.url));
  const node = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(node.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  assert.ok(isAlive(pid));
  node.kill('SIGKILL');
  await once(node, 'exit');
  while (isAlive(pid)) await new Promise((resolve) => setImmediate(resolve));
});
