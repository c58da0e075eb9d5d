/**
 * A shipped node with a GPU (on the fake driver, where there is device code): what it says of
 * itself, jobs that require it, and the flag that forbids it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RunnerExecutor } from '../../src/compute/runner/runner-executor.ts';
import { silentLogger, testClock } from '../oracles/test-clock.ts';
import { fakeCuda, useFakeCuda } from '../support/fake-cuda.ts';
import { loadArray, multiply, saveMatrix, wholeMatrix } from '../support/npy-files.ts';
import { codeOf, Workplace } from '../support/workplace.ts';

const place = new Workplace();
const LOOPBACK = ['--network', 'local', '--listen', '/ip4/127.0.0.1/tcp/0'];

interface Caps {
  readonly advert: {
    readonly devices: readonly { readonly kind: string; readonly model: string }[];
    readonly kernels: readonly { readonly id: string; readonly backend: string }[];
  };
}

/** Whether this machine can build an addon with device code. */
async function hasDeviceCode(): Promise<boolean> {
  const runner = new RunnerExecutor({ clock: testClock, logger: silentLogger });
  await runner.start();
  await runner.stop();
  return runner.details.gpus.length > 0;
}

useFakeCuda(await fakeCuda(), 'devices=90+90');
if (!(await hasDeviceCode())) {
  test('without device code a node has no GPU', async () => {
    const { ready } = await place.up([...LOOPBACK, '--data', place.path('none')]);
    assert.match(String(ready.backend), /^cpu\//);
  });
} else {
  test('a GPU is advertised, required, and used; one that nobody has is said to be missing', async () => {
    const data = place.path('gpu');
    const { ready } = await place.up([...LOOPBACK, '--data', data]);
    assert.match(String(ready.backend), /^cpu\//, 'named after what runs most kernels');
    const caps = (await place.json(['caps', '--data', data])).object as unknown as Caps;
    const { devices, kernels } = caps.advert;
    assert.deepEqual(
      devices.map(({ kind }) => kind),
      ['cpu', 'cuda', 'cuda'],
    );
    assert.equal(devices[2]?.model, 'Fake GPU 1');
    const backendOf = (id: string) => kernels.find((kernel) => kernel.id === id)?.backend;
    assert.equal(backendOf('gemm.f32@1'), 'cuda/sm_90');
    assert.match(String(backendOf('noop@1')), /^cpu\//);

    const [a, b] = [wholeMatrix(130, 90, 3), wholeMatrix(90, 200, 5)];
    await saveMatrix(place.path('a.npy'), a);
    await saveMatrix(place.path('b.npy'), b);
    const files = ['--in', 'a=a.npy', '--in', 'b=b.npy', '--out', 'c=c.npy', '--cert', 'c.kadre'];
    const alone = ['--replicas', '1', '--cadre', '1', '--shards', '1', '--data', data];
    const run = (...words: string[]) =>
      place.json(['run', 'gemm.f32@1', ...files, ...alone, ...words]);
    const done = await run('--require', 'cuda>=8.0,mem>=4GiB');
    assert.equal(done.status, 0, JSON.stringify(done.object));
    assert.deepEqual((await loadArray(place.path('c.npy'))).data, multiply(a, b).data);
    const verified = await place.json(['verify', 'c.kadre', '--out', 'c=c.npy']);
    assert.equal(verified.status, 0, JSON.stringify(verified.object));

    const newer = await run('--require', 'cuda>=12.0', '--wait-peers', '0.1');
    assert.equal(codeOf(newer.object), 'NOT_ENOUGH_PEERS');
    const nonsense = await run('--require', 'rocm>=6');
    assert.deepEqual([nonsense.status, codeOf(nonsense.object)], [2, 'BAD_POLICY']);
  });

  test('--no-gpu leaves it alone', async () => {
    const data = place.path('cpu');
    await place.up([...LOOPBACK, '--no-gpu', '--data', data]);
    const caps = (await place.json(['caps', '--data', data])).object as unknown as Caps;
    assert.deepEqual(
      caps.advert.devices.map(({ kind }) => kind),
      ['cpu'],
    );
  });
}
