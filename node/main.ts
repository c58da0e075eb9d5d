#!/usr/bin/env node
/**
 * The `kadre` binary: signals, streams, exit status. The only place that ends the process. Modules
 * are imported after the compile cache is on, and each verb imports its own.
 */
import { enableCompileCache } from 'node:module';

enableCompileCache();

const { runCli } = await import('./cli/run-cli.ts');
const { KadreError } = await import('../src/base/errors.ts');
const { wiring } = await import('./wiring.ts');
const { version } = await import('./version.ts');

const interrupt = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    if (interrupt.signal.aborted) process.exit(130);
    interrupt.abort(new KadreError({ code: 'INTERRUPTED' }, `interrupted by ${name}`));
  });
}
// A reader that left early (`kadre ... | head`) is not an error of ours.
process.stdout.on('error', () => process.exit(0));

const status = await runCli(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  version,
  wiring,
  interrupt: interrupt.signal,
});
process.stdout.write('', () => process.exit(status));
