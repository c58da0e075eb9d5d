/** The executors that every conformance suite of kernels runs on. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { buildNative } from '../../scripts/build-native.ts';
import { loadAddon } from '../../src/compute/addon.ts';
import type { Executor } from '../../src/compute/executor.ts';
import { JsExecutor } from '../../src/compute/local-executor.ts';
import { RunnerExecutor, type RunnerInit } from '../../src/compute/runner/runner-executor.ts';
import { silentLogger, testClock } from '../oracles/test-clock.ts';
import { environmentOf, fakeCuda, useFakeCuda } from '../support/fake-cuda.ts';

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

/** CUDA on the fake driver, where there is device code; real devices have test/gpu. */
export async function deviceExecutors(): Promise<Subject[]> {
  const build = await buildNative();
  if (build.state === 'unavailable') return [];
  const folder = await fakeCuda();
  const script = 'console.log(require(process.argv[1]).backends(true)[0].problem)';
  const env = { ...process.env, ...environmentOf(folder) };
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script, build.file], {
    env,
  });
  if (stdout.trim() !== 'null') {
    assert.equal(stdout.trim(), 'no-device-code');
    return [];
  }
  return ['seed=11', 'seed=12,pools=0,devices=90+90'].map((options) => {
    const init: RunnerInit = { backend: 'native', name: 'cuda/sm_90', threads: 2 };
    const subject = runner(`cuda/sm_90 on the fake driver, ${options}`, init);
    const open = () => {
      useFakeCuda(folder, options);
      return subject.open();
    };
    return { ...subject, open };
  });
}
