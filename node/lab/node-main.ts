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
import { killHooks } from './kill-points.ts';
import { parseLabOrder } from './lab-order.ts';
import { watchParent } from './parent-watch.ts';

enableCompileCache();
try {
  const order = parseLabOrder(process.argv[2]);
  const log = stderrLogger(process.stderr, order.settings.logLevel);
  const crash = () => process.kill(process.pid, 'SIGKILL');
  const hooks =
    order.dieAt === undefined
      ? hooksOf(order.behaviour, { clock: systemClock, crash })
      : killHooks(order.dieAt, { crash });
  const serving = await serveNode(order.settings, { compose: composeNode, log, hooks });
  const stop = () => serving.stop();
  watchParent(process.stdin, stop);
  process.once('SIGTERM', () => void stop());
  process.once('SIGINT', () => void stop());
  void serving.node.failed.then((error) => {
    log.log('error', 'node-failed', { code: error.code, message: error.message });
    process.exitCode = 7;
    return stop();
  });
  process.stdout.write(`${JSON.stringify(serving.ready)}\n`);
} catch (cause) {
  const error =
    cause instanceof KadreError ? cause.toJSON() : { code: 'USAGE', message: `${cause}` };
  process.stdout.write(`${JSON.stringify({ v: 1, error })}\n`);
  process.exitCode = 1;
}
