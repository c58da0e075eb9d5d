/**
 * Writes the generated pages: the tables of error codes and metrics, the command line, the odds of
 * a bad cadre and of a wrong shard, the bounds of memory, the report of the public interface. CI
 * runs it with `--check`, which writes nothing and fails when a page is not current.
 *
 *   npm run docs
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { apiReport } from './docs/api-report.ts';
import { badCadrePage } from './docs/bad-cadre.ts';
import { boundsPage } from './docs/bounds-page.ts';
import { cliPage } from './docs/cli-page.ts';
import { errorTable } from './docs/error-table.ts';
import { metricsTable } from './docs/metrics-table.ts';
import { wrongShardPage } from './docs/wrong-shard.ts';

interface Page {
  readonly file: string;
  readonly content: string;
}

const root = path.dirname(import.meta.dirname);
const isCheck = process.argv.includes('--check');

const pages: Page[] = [
  { file: 'docs/errors.md', content: errorTable() },
  { file: 'docs/bad-cadre.md', content: badCadrePage() },
  { file: 'docs/bounds.md', content: boundsPage() },
  { file: 'docs/wrong-shard.md', content: wrongShardPage() },
  { file: 'docs/metrics.md', content: metricsTable() },
  { file: 'docs/cli.md', content: cliPage() },
  { file: 'docs/api.md', content: await apiReport(root) },
];

for (const { file, content } of pages) {
  const place = path.join(root, file);
  if (read(place) === content) continue;
  if (isCheck) {
    console.error(`${file} is not current: run \`npm run docs\``);
    process.exitCode = 1;
  } else {
    mkdirSync(path.dirname(place), { recursive: true });
    writeFileSync(place, content);
    console.error(`wrote ${file}`);
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
