/** Verbs that ask a running node through its API: `down`, `status`, `peers`, `caps`. */
import { setTimeout as delay } from 'node:timers/promises';
import type { KadreError } from '../../src/base/errors.ts';
import { throwIfAborted } from '../../src/base/signals.ts';
import type { ApiClient } from '../../src/sdk/api-client.ts';
import type { PeerInfo } from '../../src/sdk/types.ts';
import type { Command, CommandContext } from '../cli/command.ts';
import { formatBytes, formatDuration, formatTable } from '../cli/output.ts';
import { requireNode } from '../cli/resolve-node.ts';
import type { NodeStatus } from '../node-facade.ts';

const GONE_LOOK_MS = 200;

export const down: Command = async (context) => {
  const client = await requireNode(context);
  const { signal } = context;
  const drain = context.arguments.flag('drain');
  const path = drain ? 'shutdown?drain=1' : 'shutdown';
  const answer = await client.json<{ v: 1 }>(path, { method: 'POST', signal });
  if (drain) await gone(client, context);
  context.output.result(answer, () => [
    drain ? `the node at ${client.url} has drained` : `the node at ${client.url} is stopping`,
  ]);
  return 0;
};

/** Until nobody answers there; a command that stops waiting does not stop the drain. */
async function gone(client: ApiClient, { signal, output }: CommandContext): Promise<void> {
  let told = '';
  for (;;) {
    try {
      // Not the node's clock, whose timers let a process end.
      await delay(GONE_LOOK_MS, undefined, { signal });
      const { load, jobs } = await client.json<NodeStatus>('status', { signal });
      const left = `draining: ${load.shards} shards, ${load.plans} plans, ${jobs.running} jobs left`;
      if (left !== told) output.note(left);
      told = left;
    } catch (cause) {
      throwIfAborted(signal);
      if ((cause as KadreError).code === 'NODE_UNREACHABLE') return;
      // Its API ends before it does: asked in between, it says so.
      if ((cause as KadreError).code !== 'STOPPED') throw cause;
    }
  }
}

export const status: Command = async (context) => {
  const client = await requireNode(context);
  const answer = await client.json<NodeStatus>('status', { signal: context.signal });
  context.output.result(answer, () => [
    `node ${answer.peerId} (${answer.backend}), up ${formatDuration(answer.uptimeMs)}`,
    ...answer.addrs.map((address) => `  ${address}`),
    `  network ${answer.network}: ${answer.connected} connected, ${answer.peers} peers known`,
    `  roles ${answer.roles.join(', ')}; ${answer.load.shards} shards, ${answer.load.plans} plans`,
    `  jobs: ${jobsLine(answer)}`,
    ...answer.denied.map(
      ({ peer, reason, endsInMs }) =>
        `  shut out: ${peer} (${reason}), for another ${formatDuration(endsInMs)}`,
    ),
    ...(answer.resting === null ? [] : [`  takes no new work: ${answer.resting}`]),
    `  memory ${formatBytes(answer.memory.rssBytes)}, data ${answer.dataDir}`,
    `  store: ${storeLine(answer)}`,
    ...answer.leftOut.map(
      ({ kernel, backend, reason }) => `  NOT OFFERED: ${kernel} on ${backend}: ${reason}`,
    ),
  ]);
  return 0;
};

function storeLine({ store }: NodeStatus): string {
  const held = `${formatBytes(store.bytes)} of ${formatBytes(store.bytesMax)}`;
  return `${held}, ${formatBytes(store.pinnedBytes)} of it needed by live jobs`;
}

function jobsLine({ jobs }: NodeStatus): string {
  return `${jobs.running} running, ${jobs.done} done, ${jobs.failed} failed`;
}

export const peers: Command = async (context) => {
  const client = await requireNode(context);
  const answer = await client.json<{ v: 1; peers: PeerInfo[] }>('peers', {
    signal: context.signal,
  });
  context.output.result(answer, () => {
    if (answer.peers.length === 0) return ['no peers known yet'];
    return formatTable(
      answer.peers.map((peer) => [
        peer.peerId,
        peer.connected ? 'connected' : 'known',
        peer.roles.join(','),
        peer.backends.join(','),
        `${peer.kernels.length} kernels`,
      ]),
    );
  });
  return 0;
};

export const caps: Command = async (context) => {
  const client = await requireNode(context);
  const answer = await client.json<{ v: 1; advert: unknown }>('caps', { signal: context.signal });
  context.output.result(answer, () => [JSON.stringify(answer.advert, null, 2)]);
  return 0;
};
