/**
 * Draining: no new work, and the end only when everything begun here has ended and nobody needs
 * this node for it any more. Interrupts end a node sooner, with its work kept on disk for its next
 * start.
 */
import type { Clock } from '../src/base/ports.ts';
import { sleep } from '../src/base/signals.ts';
import type { NodeStatus, RunningNode } from './node-facade.ts';

/** What a draining node says when it is asked why it takes no work. */
export const DRAINING = 'draining';

const LOOK_MS = 200;
/** A plan that has just ended here is followed at once by nothing, or by another wave. */
const QUIET_LOOKS = 3;

/** Resolves when nothing is left to do; rejects with the signal. */
export async function drained(
  node: Pick<RunningNode, 'rest' | 'status'>,
  components: { readonly clock: Clock },
  options: { readonly signal: AbortSignal },
): Promise<void> {
  node.rest(DRAINING, true);
  for (let quiet = 0; quiet < QUIET_LOOKS; ) {
    await sleep(components.clock, LOOK_MS, options);
    quiet = isQuiet(node.status()) ? quiet + 1 : 0;
  }
}

function isQuiet({ load, jobs }: NodeStatus): boolean {
  return load.plans === 0 && load.shards === 0 && jobs.running === 0;
}
