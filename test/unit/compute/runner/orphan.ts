/** A process with a busy runner, to be killed: prints the runner's pid. */
import { RunnerExecutor } from '../../../../src/compute/runner/runner-executor.ts';
import { silentLogger, testClock } from '../../../oracles/test-clock.ts';

const components = { clock: testClock, logger: silentLogger };
const executor = new RunnerExecutor(components, { backend: 'js' });
await executor.start();
const input = (name: string) => ({
  name,
  shape: [1024, 1024],
  segments: [{ offset: 0, bytes: new Uint8Array(1024 * 1024 * 4) }],
});
const inputs = [input('a'), input('b')];
const request = { kernel: 'gemm.f32@1', parameters: {}, inputs, shardCount: 1, shards: [0] };
process.stdout.write(`${executor.pid}\n`);
await executor.run(request);
