import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { JobTable } from '../../../node/api/job-table.ts';
import { apiRoutes } from '../../../node/api/routes.ts';
import { UploadTable } from '../../../node/api/upload-table.ts';
import { VERBS } from '../../../node/cli/verbs.ts';
import { makeFakeNode } from '../../support/fake-node.ts';

test('docs/http-api.md has a row for every endpoint, and for no other', () => {
  const page = readFileSync(new URL('../../../docs/http-api.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `([A-Z]+) \/v1\/(\S+)` \|/gm)].map(([, method, path]) => {
    return `${method} ${path!.replace(/ID|NAME/g, '*')}`;
  });
  const routes = apiRoutes({
    node: makeFakeNode(),
    jobs: new JobTable(),
    uploads: new UploadTable(),
    shutdown: () => undefined,
  });
  assert.deepEqual(rows.sort(), routes.map(({ method, path }) => `${method} ${path}`).sort());
});

test('every verb has a published schema, and every schema a verb', () => {
  const folder = new URL('../../../node/schemas/', import.meta.url);
  const published = readdirSync(folder).map((file) => file.replace(/\.json$/, ''));
  const verbs = VERBS.map((verb) => verb.name.replace(' ', '-'));
  assert.deepEqual(published.sort(), [...verbs, 'error', 'network'].sort());
});
