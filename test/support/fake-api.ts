/** The HTTP API over a fake node, on a port of its own. */
import { JobTable } from '../../node/api/job-table.ts';
import { apiRoutes } from '../../node/api/routes.ts';
import { type ApiServer, startApi } from '../../node/api/server.ts';
import { UploadTable } from '../../node/api/upload-table.ts';
import type { FakeNode } from './fake-node.ts';

export const TOKEN = 'token-of-the-test';

export interface FakeApi extends ApiServer {
  /** How often POST /v1/shutdown was asked. */
  readonly shutdowns: () => number;
}

export async function startFakeApi(
  node: FakeNode,
  init: { readonly uploadBytesMax?: number } = {},
): Promise<FakeApi> {
  let shutdowns = 0;
  const { uploadBytesMax } = init;
  const routes = apiRoutes({
    node,
    jobs: new JobTable(),
    uploads: new UploadTable(uploadBytesMax === undefined ? {} : { bytesMax: uploadBytesMax }),
    shutdown: () => {
      shutdowns += 1;
    },
  });
  const log = { log: () => undefined };
  const server = await startApi({ host: '127.0.0.1', port: 0, token: TOKEN, routes, log });
  return { ...server, shutdowns: () => shutdowns };
}
