/** The GPU check itself: what a step's end means, and its program on the fake driver. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findToolchain } from '../../scripts/build-native.ts';
import { reportOf } from '../../scripts/gpu-check/report.ts';
import { runStep, type Step } from '../../scripts/gpu-check/run-step.ts';
import { findDeviceCompilers } from '../../scripts/native/device-code.ts';
import { buildSelftestProgram } from '../../scripts/native/selftest-program.ts';
import { environmentOf, fakeCuda } from '../support/fake-cuda.ts';

const script = (text: string, rest: Partial<Step> = {}): Step => ({
  title: 'a step',
  command: process.execPath,
  args: ['-e', text],
  env: {},
  timeoutS: 30,
  ...rest,
});

test('a step passes, fails, is not possible here, or runs out of time', async () => {
  const outcome = async (step: Step) => (await runStep(step)).outcome;
  assert.equal(await outcome(script('console.log(1)')), 'passed');
  assert.equal(await outcome(script('process.exitCode = 1')), 'failed');
  assert.equal(await outcome(script('process.exitCode = 3')), 'not here');
  assert.equal(await outcome(script('process.kill(process.pid)')), 'failed');
  assert.equal(await outcome(script('', { command: '/nonexistent/tool' })), 'not here');
  const endless = 'console.log("launched"); setInterval(() => undefined, 1000)';
  const late = await runStep(script(endless, { timeoutS: 1 }));
  assert.equal(late.outcome, 'failed');
  assert.equal(late.end, 'killed after 1 s');
  const hangs = { timeoutS: 1, mustHang: 'launched' };
  assert.equal(await outcome(script(endless, hangs)), 'passed');
  assert.equal(await outcome(script('console.log("launched")', hangs)), 'failed');
});

test('a report fails with one step and passes without those that could not run', () => {
  const result = (outcome: 'passed' | 'failed' | 'not here') => ({
    title: `was ${outcome}`,
    outcome,
    end: 'exit code 0',
    seconds: 1,
    output: 'text\n',
  });
  const [passed, failed, absent] = [result('passed'), result('failed'), result('not here')];
  const processor = 'some processor';
  assert.equal(reportOf([passed, absent], { processor }).outcome, 'passed');
  assert.equal(reportOf([passed, failed, absent], { processor }).outcome, 'failed');
  assert.equal(reportOf([absent], { processor }).outcome, 'not here');
  assert.match(reportOf([failed], { processor }).text, /\| was failed \| failed \| 1 \|/);
});

test('the self-test program on the fake driver', { timeout: 120_000 }, async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'kadre-gpu-check-'));
  context.after(() => rm(folder, { recursive: true, force: true }));
  if ((await findToolchain()) === undefined) return;
  // One compiler's code is enough here, and the last one's is the quickest to make.
  const compilers = (await findDeviceCompilers()).slice(-1);
  const program = join(folder, 'program');
  await buildSelftestProgram(program, compilers);
  const driver = await fakeCuda();
  const run = (options: string, ...args: string[]) =>
    runStep({
      title: args.join(' '),
      command: program,
      args,
      env: environmentOf(driver, options),
      timeoutS: 60,
    });
  if (compilers.length === 0) {
    assert.equal((await run('', 'probe')).outcome, 'not here');
    return;
  }
  const bits = await run('', 'bits', '1', '20000');
  assert.equal(bits.outcome, 'passed', bits.output);
  assert.match(bits.output, /"different":0/);
  const wrong = await run('wrong=1', 'bits', '1', '1000');
  assert.equal(wrong.outcome, 'failed', wrong.output);
  assert.match(wrong.output, /"elements":1/);
  assert.match(wrong.output, /"kernel":"mandelbrot"/);
  const speed = await run('', 'speed', '64');
  assert.equal(speed.outcome, 'passed', speed.output);
  assert.match(speed.output, /"extent":64,"ms":1\.0000/);
  assert.equal((await run('init=100', 'bits')).outcome, 'not here');
});
