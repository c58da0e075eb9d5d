/** What the API offers, one row per endpoint; docs/http-api.md describes the bodies. */
import { utf8 } from '../../src/base/bytes.ts';
import { METRICS_CONTENT_TYPE, metricsText } from '../metrics.ts';
import type { RunningNode } from '../node-facade.ts';
import type { ApiRoute } from './http-types.ts';
import { jobRoutes } from './job-routes.ts';
import type { JobTable } from './job-table.ts';
import type { UploadTable } from './upload-table.ts';

export interface Shutdown {
  /** Only when everything begun here has ended. */
  readonly drain: boolean;
}

export interface ApiComponents {
  readonly node: RunningNode;
  readonly jobs: JobTable;
  readonly uploads: UploadTable;
  /** Asks the process to drain and end; called after the answer is on its way. */
  readonly shutdown: (how: Shutdown) => void;
}

export function apiRoutes(components: ApiComponents): readonly ApiRoute[] {
  return [...nodeRoutes(components), ...jobRoutes(components)];
}

function nodeRoutes({ node, uploads, shutdown }: ApiComponents): readonly ApiRoute[] {
  return [
    {
      method: 'GET',
      path: 'status',
      why: 'identity, load, connections and memory of this node',
      handle: async () => ({ json: node.status() }),
    },
    {
      method: 'GET',
      path: 'metrics',
      why: "this node's metrics in Prometheus' text format",
      handle: async () => ({
        bytes: utf8(metricsText(node.status())),
        headers: { 'content-type': METRICS_CONTENT_TYPE },
      }),
    },
    {
      method: 'GET',
      path: 'peers',
      why: 'peers whose adverts are known now',
      handle: async () => ({ json: { v: 1 as const, peers: await node.swarm.peers() } }),
    },
    {
      method: 'GET',
      path: 'reach',
      why: 'what connected peers find when they dial this node',
      handle: async ({ signal }) => {
        return { json: { v: 1 as const, findings: await node.reach({ signal }) } };
      },
    },
    {
      method: 'GET',
      path: 'caps',
      why: "this node's advert",
      handle: async () => ({ json: { v: 1 as const, advert: node.caps() } }),
    },
    {
      method: 'GET',
      path: 'kernels',
      why: 'kernels that jobs can use',
      handle: async () => ({ json: { v: 1 as const, kernels: await node.swarm.kernels() } }),
    },
    {
      method: 'PUT',
      path: 'blobs',
      why: 'input bytes, C order, little-endian; answers their blob root',
      handle: async ({ body }) => {
        const held = await uploads.receive(body);
        return { status: 201, json: { v: 1 as const, ...held } };
      },
    },
    {
      method: 'POST',
      path: 'shutdown',
      why: 'stop, as on SIGTERM; `?drain=1`: once all work begun here has ended',
      handle: async ({ query }) => {
        const drain = query.get('drain') === '1';
        setImmediate(shutdown, { drain });
        return { status: 202, json: { v: 1 as const, stopping: true, drain } };
      },
    },
  ];
}
