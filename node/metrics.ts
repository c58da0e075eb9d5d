/**
 * What a node tells Prometheus: every metric once, as data, in the text format of version 0.0.4.
 * `GET /v1/metrics` answers with them, and docs/metrics.md is written from this table.
 */
import type { NodeStatus } from './node-facade.ts';

interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Metric {
  /** Unit last, `_total` for what only grows. */
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly read: (status: NodeStatus) => number | readonly Sample[];
}

const PENALTIES = ['ignore', 'reject', 'ban'] as const;

export const METRICS: readonly Metric[] = [
  {
    name: 'kadre_info',
    type: 'gauge',
    help: 'Always 1; its labels say which node this is.',
    read: ({ peerId, network, backend, reachability }) => [
      { labels: { peer: peerId, network, backend, reachability }, value: 1 },
    ],
  },
  {
    name: 'kadre_uptime_seconds',
    type: 'gauge',
    help: 'Since the node was ready.',
    read: ({ uptimeMs }) => uptimeMs / 1000,
  },
  {
    name: 'kadre_peers_known',
    type: 'gauge',
    help: 'Peers whose adverts are known and live.',
    read: ({ peers }) => peers,
  },
  {
    name: 'kadre_peers_connected',
    type: 'gauge',
    help: 'Peers with an open connection.',
    read: ({ connected }) => connected,
  },
  {
    name: 'kadre_peers_denied',
    type: 'gauge',
    help: 'Peers that are shut out now.',
    read: ({ denied }) => denied.length,
  },
  {
    name: 'kadre_peers_other_version',
    type: 'gauge',
    help: 'Peers heard of that speak other versions of the protocol.',
    read: ({ otherVersions }) => otherVersions.length,
  },
  {
    name: 'kadre_penalties_total',
    type: 'counter',
    help: 'Verdicts booked against peers, by what they cost.',
    read: ({ totals }) =>
      PENALTIES.map((penalty) => ({ labels: { penalty }, value: totals.penalties[penalty] })),
  },
  {
    name: 'kadre_shards_queued',
    type: 'gauge',
    help: 'Shards that wait or run here.',
    read: ({ load }) => load.shards,
  },
  {
    name: 'kadre_plans_live',
    type: 'gauge',
    help: 'Plans that this node serves as worker or member.',
    read: ({ load }) => load.plans,
  },
  {
    name: 'kadre_plans_taken_total',
    type: 'counter',
    help: 'Plans taken on as worker.',
    read: ({ totals }) => totals.plansTaken,
  },
  {
    name: 'kadre_jobs_running',
    type: 'gauge',
    help: 'Jobs of this node as requester that have not ended.',
    read: ({ jobs }) => jobs.running,
  },
  {
    name: 'kadre_jobs_ended_total',
    type: 'counter',
    help: 'Jobs of this node as requester, by how they ended.',
    read: ({ jobs }) => [
      { labels: { state: 'done' }, value: jobs.done },
      { labels: { state: 'failed' }, value: jobs.failed },
    ],
  },
  {
    name: 'kadre_resting',
    type: 'gauge',
    help: '1 while no new work is taken.',
    read: ({ resting }) => Number(resting !== null),
  },
  {
    name: 'kadre_cpu_seconds_total',
    type: 'counter',
    help: 'Processor time of the node; its runner, a process of its own, is not in it.',
    read: ({ totals }) => totals.cpuMs / 1000,
  },
  {
    name: 'kadre_resident_bytes',
    type: 'gauge',
    help: 'Resident memory of the node without its runner.',
    read: ({ memory }) => memory.rssBytes,
  },
  {
    name: 'kadre_event_loop_busy_seconds_total',
    type: 'counter',
    help: 'Time in which the event loop was not idle: its rate near 1 means that it is late.',
    read: ({ totals }) => totals.busyMs / 1000,
  },
];

/** Of Prometheus' text format. */
export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export function metricsText(status: NodeStatus): string {
  const lines = METRICS.flatMap(({ name, type, help, read }) => {
    const values = read(status);
    const samples = typeof values === 'number' ? [{ value: values }] : values;
    return [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${type}`,
      ...samples.map((sample) => `${name}${labelText(sample)} ${sample.value}`),
    ];
  });
  return `${lines.join('\n')}\n`;
}

function labelText({ labels = {} }: Sample): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
