/** The executors that every conformance suite of kernels runs on. */
import assert from 'node:assert/strict';
import { buildNative } from '../../scripts/build-native.ts';
import { loadAddon } from '../../src/compute/addon.ts';
import type { Executor } from '../../src/compute/executor.ts';
import { JsExecutor } from '../../src/compute/local-executor.ts';
import { RunnerExecutor, type RunnerInit } from '../../src/compute/runner/runner-executor.ts';
import { silentLogger, testClock } from '../oracles/test-clock.ts';

export interface Subject {
  readonly name: string;
  open(): Promise<Executor & { stop?(): Promise<void> }>;
}

const runner = (name: string, init: RunnerInit): Subject => ({
  name,
  open: async () => {
    const executor = new RunnerExecutor({ clock: testClock, logger: silentLogger }, init);
    await executor.start();
    return executor;
  },
});

/** The reference here and in a runner, and each native backend that works on this machine. */
export async function executors(): Promise<Subject[]> {
  const known: Subject[] = [
    { name: 'cpu/js in process', open: async () => new JsExecutor() },
    runner('cpu/js in a runner', { backend: 'js' }),
  ];
  const build = await buildNative();
  if (build.state === 'unavailable') return known;
  const works = (await loadAddon()).backends().filter(({ problem }) => problem === null);
  assert.ok(works.length > 0, 'a machine that builds the addon can use it');
  const native = works.map(({ name }) =>
    runner(`${name} in a runner`, { backend: 'native', name, threads: 2 }),
  );
  return [...known, ...native];
}
