/**
 * Writes the golden bytes in test/vectors again: one writer per topic in scripts/vectors/. Tests
 * only ever read them, so a change of format shows as a change of these files.
 *
 *   npm run vectors [-- TOPIC ...]
 */
import { execFileSync } from 'node:child_process';
import { globSync } from 'node:fs';
import path from 'node:path';

const root = path.dirname(import.meta.dirname);
const wanted = process.argv.slice(2);
const writers = globSync('*.ts', { cwd: path.join(import.meta.dirname, 'vectors') }).sort();
const unknown = wanted.find((topic) => !writers.includes(`${topic}.ts`));
if (unknown !== undefined) {
  console.error(`vectors: no writer for ${unknown}; there are ${writers.join(', ')}`);
  process.exitCode = 2;
} else {
  for (const writer of writers) {
    if (wanted.length > 0 && !wanted.includes(writer.replace(/\.ts$/, ''))) continue;
    console.error(`vectors: ${writer}`);
    const file = path.join(import.meta.dirname, 'vectors', writer);
    execFileSync(process.execPath, [file], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  }
}
