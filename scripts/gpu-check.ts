/**
 * What to run first on a machine with a GPU: proves or breaks the CUDA backends, step by step, each
 * in its own process with its own time limit. Results are files, and report.md sums them up.
 *
 *   npm run gpu-check -- [--out FOLDER]       default: build/gpu-check
 *
 * Exit codes: 0 every step passed; 1 one failed; 3 no GPU can be used here.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type Outcome, reportOf, type StepResult } from './gpu-check/report.ts';
import { runStep, type Step } from './gpu-check/run-step.ts';
import { type DeviceCompiler, findDeviceCompilers } from './native/device-code.ts';
import { buildSelftestProgram } from './native/selftest-program.ts';

const ROOT = resolve(import.meta.dirname, '..');

/** One way for device code to reach the GPU. */
interface Origin {
  readonly name: string;
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
}

async function origins(out: string): Promise<Origin[]> {
  const found: Origin[] = [];
  const compilers = await findDeviceCompilers();
  const build = async (compiler: DeviceCompiler) => {
    const program = join(out, `kadre-gpu-selftest-${compiler.kind}`);
    await buildSelftestProgram(program, [compiler]);
    return program;
  };
  for (const compiler of compilers) {
    const program = await build(compiler);
    const { version } = compiler;
    if (compiler.kind === 'nvcc') {
      found.push({ name: `machine code by ${version}`, program, env: {} });
    }
    // Without the cache the driver compiles anew, as on a user's first start.
    const env = { CUDA_FORCE_PTX_JIT: '1', CUDA_CACHE_DISABLE: '1' };
    found.push({ name: `PTX by ${version}`, program, env });
  }
  return found;
}

/** Named after what it does; `of` is the origin of the device code. */
function step(origin: Origin, title: string, rest: Omit<Step, 'title' | 'command' | 'env'>): Step {
  const [command, env] = [origin.program, origin.env];
  return { title: `${title}, ${origin.name}`, command, env, ...rest };
}

const WRAPPED = ['--error-exitcode', '1'];

function stepsAfterProbe([first, ...others]: readonly [Origin, ...Origin[]]): Step[] {
  const all = [first, ...others];
  const sanitizer = (tool: string): Step => ({
    title: `compute-sanitizer ${tool}`,
    command: 'compute-sanitizer',
    args: ['--tool', tool, ...WRAPPED, first.program, 'bits', '1', '300000'],
    env: first.env,
    timeoutS: 600,
  });
  return [
    ...all.map((origin) => step(origin, 'bits', { args: ['bits', '20'], timeoutS: 900 })),
    {
      title: 'conformance through the runner',
      command: process.execPath,
      args: ['--test', join(ROOT, 'test/gpu/device.test.ts')],
      env: { REQUIRE_GPU: '1' },
      timeoutS: 300,
    },
    sanitizer('memcheck'),
    sanitizer('racecheck'),
    step(first, 'speed', { args: ['speed', '8192'], timeoutS: 600 }),
    step(first, 'illegal address', { args: ['fault'], timeoutS: 60 }),
    step(first, 'the next process after the fault', {
      args: ['bits', '1', '300000'],
      timeoutS: 60,
    }),
    step(first, 'endless kernel, killed', { args: ['hang'], timeoutS: 5, mustHang: 'launched' }),
    step(first, 'the next process after the kill', {
      args: ['bits', '1', '300000'],
      timeoutS: 120,
    }),
  ];
}

async function main(): Promise<Outcome> {
  const { values } = parseArgs({ options: { out: { type: 'string' } } });
  const out = resolve(values.out ?? join(ROOT, 'build/gpu-check'));
  await mkdir(out, { recursive: true });
  const [first, ...others] = await origins(out);
  const results: StepResult[] = [];
  const run = async (one: Step) => {
    const result = await runStep(one);
    results.push(result);
    const number = String(results.length).padStart(2, '0');
    const name = one.title.replaceAll(/[^a-z0-9.]+/gi, '-').toLowerCase();
    await writeFile(join(out, `${number}-${name}.txt`), result.output);
    process.stdout.write(`${result.outcome.padEnd(8)} ${result.title} (${result.seconds} s)\n`);
    return result.outcome;
  };
  if (first === undefined) {
    process.stdout.write('no nvcc and no clang here: there is no device code to check\n');
    return 'not here';
  }
  for (const origin of [first, ...others]) {
    await run(step(origin, 'probe', { args: ['probe'], timeoutS: 120 }));
  }
  const isThere = results.some(({ outcome }) => outcome !== 'not here');
  if (isThere) for (const one of stepsAfterProbe([first, ...others])) await run(one);
  const report = reportOf(results, { processor: cpus()[0]?.model ?? 'unknown' });
  await writeFile(join(out, 'report.md'), report.text);
  process.stdout.write(isThere ? `${out}/report.md\n` : `no GPU: ${results[0]!.output.trim()}\n`);
  return report.outcome;
}

const EXIT: Readonly<Record<Outcome, number>> = { passed: 0, failed: 1, 'not here': 3 };
process.exitCode = EXIT[await main()];
