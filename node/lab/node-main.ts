/**
 * A lab's node process: the shipped node, composed with wrapped ports when it is to misbehave. No
 * flag of the shipped binary leads here.
 */
import { enableCompileCache } from 'node:module';
import { KadreError } from '../../src/base/errors.ts';
import { systemClock } from '../../src/crypto/node/system-ports.ts';
import { hooksOf } from '../../src/sim/worker-behaviours.ts';
import { stderrLogger } from '../cli/output.ts';
import { composeNode } from '../compose.ts';
import { serveNode } from '../serve-node.ts';
import { parseLabOrder } from './lab-order.ts';
import { watchParent } from './parent-watch.ts';

enableCompileCache();
try {
  const order = parseLabOrder(process.argv[2]);
  const log = stderrLogger(process.stderr, order.settings.logLevel);
  const hooks = hooksOf(order.behaviour, {
    clock: systemClock,
    crash: () => process.kill(process.pid, 'SIGKILL'),
  });
  const serving = await serveNode(order.settings, { compose: composeNode, log, hooks });
  const stop = () => serving.stop();
  watchParent(process.stdin, stop);
  process.once('SIGTERM', () => void stop());
  process.once('SIGINT', () => void stop());
  process.stdout.write(`${JSON.stringify(serving.ready)}\n`);
} catch (cause) {
  const error =
    cause instanceof KadreError ? cause.toJSON() : { code: 'USAGE', message: `${cause}` };
  process.stdout.write(`${JSON.stringify({ v: 1, error })}\n`);
  process.exitCode = 1;
}
