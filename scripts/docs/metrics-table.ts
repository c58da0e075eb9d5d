/** docs/metrics.md: every metric of a node, from node/metrics.ts. */
import { METRICS } from '../../node/metrics.ts';

const INTRO = `# Metrics

Generated from \`node/metrics.ts\` by \`npm run docs\`. A node answers \`GET /v1/metrics\` on its
API in Prometheus' text format: on loopback only, with the API's bearer token like every other
request ([http-api.md](http-api.md)). The token is made anew at each start; Prometheus reads it at
every scrape:

\`\`\`yaml
scrape_configs:
  - job_name: kadre
    metrics_path: /v1/metrics
    authorization: { credentials_file: DATA/api-token }
    static_configs: [{ targets: ['127.0.0.1:7777'] }] # kadre up --api 127.0.0.1:7777
\`\`\`

| metric | type | what |
|---|---|---|
`;

export function metricsTable(): string {
  const rows = METRICS.map(({ name, type, help }) => `| \`${name}\` | ${type} | ${help} |`);
  return `${INTRO}${rows.join('\n')}\n`;
}
