/**
 * A lab node process without a network: it obeys its order like the real entry, so that the lab can
 * be tested alone. Behaviour `crash` ends before it is ready, with an error line; `silent` never
 * becomes ready and says why on stderr; `slow` ignores that its parent is gone.
 */
import { parseLabOrder } from '../../node/lab/lab-order.ts';
import { watchParent } from '../../node/lab/parent-watch.ts';
import { serveNode } from '../../node/serve-node.ts';
import { KadreError } from '../../src/base/errors.ts';
import { makeFakeNode } from './fake-node.ts';

const order = parseLabOrder(process.argv[2]);
if (order.behaviour === 'crash') {
  const error = new KadreError({ code: 'PORT_TAKEN' }, 'as the test wants');
  process.stdout.write(`${JSON.stringify({ v: 1, error })}\n`);
} else if (order.behaviour === 'silent') {
  process.stderr.write('something terrible\n');
} else {
  const log = { log: () => undefined };
  const serving = await serveNode(order.settings, { compose: async () => makeFakeNode(), log });
  // Like a node that hangs while stopping.
  const hang = () => new Promise<void>(() => setInterval(() => undefined, 1000));
  watchParent(process.stdin, order.behaviour === 'slow' ? hang : () => serving.stop());
  process.stdout.write(`${JSON.stringify(serving.ready)}\n`);
}
