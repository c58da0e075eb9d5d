/**
 * Builds what is published: dist/ with JavaScript and declarations. Node does not strip types under
 * node_modules, so an installed package cannot run the sources as this repository does.
 *
 *   npm run build
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { writeVerifier } from './bundle-verifier.ts';

const root = path.dirname(import.meta.dirname);
const bin = path.join(root, 'node_modules', '.bin', 'tsc');
rmSync(path.join(root, 'dist'), { recursive: true, force: true });
execFileSync(bin, ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });

await writeVerifier(path.join(root, 'dist', 'browser'));

const main = path.join(root, 'dist', 'node', 'main.js');
if (existsSync(main)) {
  const text = readFileSync(main, 'utf8');
  if (!text.startsWith('#!')) writeFileSync(main, `#!/usr/bin/env node\n${text}`);
  chmodSync(main, 0o755);
}
console.error('build: wrote dist/');
