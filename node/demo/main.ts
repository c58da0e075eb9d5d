/**
 * `npm run demo`: a real swarm of seven processes, two of them bad, runs real jobs on real files
 * (contract.md, "From a fresh clone"). The last line says what was shown; the exit status is 0 only
 * if all of it is true. Whatever happens, no process stays behind, and no file but the picture.
 */
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

enableCompileCache();

const { asKadreError, KadreError } = await import('../../src/base/errors.ts');
const { callerFolder } = await import('../cli/parse-arguments.ts');
const { stderrLogger } = await import('../cli/output.ts');
const { runDemo } = await import('./demo.ts');

const interrupt = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    interrupt.abort(new KadreError({ code: 'INTERRUPTED' }, `interrupted by ${name}`));
  });
}
// A reader that left early (`npm run demo | head`) ends the demo like an interrupt.
process.stdout.on('error', () => {
  interrupt.abort(new KadreError({ code: 'INTERRUPTED' }, 'nobody reads the output'));
});

try {
  const isShown = await runDemo({
    write: (line) => void process.stdout.write(`${line}\n`),
    log: stderrLogger(process.stderr, 'warn'),
    pictures: join(callerFolder(), 'build', 'demo'),
    signal: interrupt.signal,
  });
  process.exitCode = isShown ? 0 : 1;
} catch (cause) {
  const error = interrupt.signal.aborted ? interrupt.signal.reason : cause;
  const { code, message, advice } = asKadreError(error, 'INTERNAL', 'the demo failed');
  process.stderr.write(`demo: ${code}: ${message}\n  ${advice}\n`);
  if (code === 'INTERNAL' && cause instanceof Error) process.stderr.write(`${cause.stack}\n`);
  process.exitCode = code === 'INTERRUPTED' ? 130 : 1;
}
