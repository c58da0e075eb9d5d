/** Verbs that ask a running node through its API: `down`, `status`, `peers`, `caps`. */
import type { PeerInfo } from '../../src/sdk/types.ts';
import type { Command } from '../cli/command.ts';
import { formatBytes, formatDuration, formatTable } from '../cli/output.ts';
import { requireNode } from '../cli/resolve-node.ts';
import type { NodeStatus } from '../node-facade.ts';

export const down: Command = async (context) => {
  const client = await requireNode(context);
  const { signal } = context;
  const answer = await client.json<{ v: 1 }>('shutdown', { method: 'POST', signal });
  context.output.result(answer, () => [`the node at ${client.url} is stopping`]);
  return 0;
};

export const status: Command = async (context) => {
  const client = await requireNode(context);
  const answer = await client.json<NodeStatus>('status', { signal: context.signal });
  context.output.result(answer, () => [
    `node ${answer.peerId} (${answer.backend}), up ${formatDuration(answer.uptimeMs)}`,
    ...answer.addrs.map((address) => `  ${address}`),
    `  network ${answer.network}: ${answer.connected} connected, ${answer.peers} peers known`,
    `  roles ${answer.roles.join(', ')}; ${answer.load.shards} shards, ${answer.load.plans} plans`,
    `  jobs: ${jobsLine(answer)}`,
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
