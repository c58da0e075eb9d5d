/** `kadre top`: a running node at work, looked at again and again. */
import { setTimeout as delay } from 'node:timers/promises';
import { throwIfAborted } from '../../src/base/signals.ts';
import type { JobInfo } from '../../src/sdk/types.ts';
import type { Command, CommandContext } from '../cli/command.ts';
import { formatBytes, formatDuration, formatTable } from '../cli/output.ts';
import { requireNode } from '../cli/resolve-node.ts';
import type { NodeStatus } from '../node-facade.ts';

const INTERVAL_SECONDS = 2;
const JOBS_SHOWN_MAX = 16;
/** Home, and everything below it blank. */
const CLEAR = '\u001b[H\u001b[J';

interface Look {
  readonly v: 1;
  readonly timeMs: number;
  /** Of one core, since the look before; null at the first. */
  readonly cpu: number | null;
  /** Part of the time in which the event loop was not idle, likewise. */
  readonly busy: number | null;
  readonly status: NodeStatus;
  readonly jobs: readonly Pick<JobInfo, 'jobId' | 'state' | 'kernel' | 'accepted' | 'shards'>[];
}

export const top: Command = async (context) => {
  const { arguments: given, output, signal } = context;
  const look = await looker(context);
  const intervalMs = 1000 * (given.number('interval') ?? INTERVAL_SECONDS);
  const count = given.number('count') ?? Number.POSITIVE_INFINITY;
  for (let seen = 1; ; seen++) {
    const now = await look();
    output.result(now, () => [
      `${output.stdout.isTTY ? CLEAR : ''}${headLine(now)}`,
      ...lines(now),
      '',
    ]);
    if (seen >= count) return 0;
    await delay(intervalMs, undefined, { signal }).catch(() => throwIfAborted(signal));
  }
};

async function looker(context: CommandContext): Promise<() => Promise<Look>> {
  const client = await requireNode(context);
  const { signal } = context;
  let before: { readonly timeMs: number; readonly status: NodeStatus } | undefined;
  return async () => {
    const status = await client.json<NodeStatus>('status', { signal });
    const { jobs } = await client.json<{ jobs: JobInfo[] }>('jobs', { signal });
    const timeMs = Date.now();
    const share = (of: (status: NodeStatus) => number) => {
      if (before === undefined || timeMs <= before.timeMs) return null;
      return Math.max(0, (of(status) - of(before.status)) / (timeMs - before.timeMs));
    };
    const cpu = share(({ totals }) => totals.cpuMs);
    const busy = share(({ totals }) => totals.busyMs);
    before = { timeMs, status };
    const shown = jobs.slice(-JOBS_SHOWN_MAX).map((job) => {
      const { jobId, state, kernel, accepted, shards } = job;
      return { jobId, state, kernel, accepted, shards };
    });
    return { v: 1, timeMs, cpu, busy, status, jobs: shown };
  };
}

function headLine({ status }: Look): string {
  const rest = status.resting === null ? '' : `, takes no new work: ${status.resting}`;
  return `${status.peerId} (${status.backend}), up ${formatDuration(status.uptimeMs)}${rest}`;
}

function lines({ status, cpu, busy, jobs }: Look): string[] {
  const percent = (part: number | null) => (part === null ? '-' : `${(100 * part).toFixed(1)} %`);
  const { load, connected, peers, denied, memory } = status;
  return [
    `  node   ${percent(cpu)} of a core, event loop busy ${percent(busy)}, ${formatBytes(memory.rssBytes)}`,
    `  peers  ${connected} connected, ${peers} known, ${denied.length} shut out`,
    `  work   ${load.shards} shards, ${load.plans} plans`,
    ...formatTable(
      jobs.map(({ jobId, state, kernel, accepted, shards }) => {
        return [`  ${jobId.slice(0, 12)}`, state, kernel, `${accepted}/${shards}`];
      }),
    ),
  ];
}
