/** `npm run bench -- NAME [flags]`: runs one benchmark of this folder; without a name lists all. */
import { readdirSync } from 'node:fs';

const OTHERS = new Set(['main', 'lab-swarm', 'consensus-member', 'averaging-member']);
const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -3))
  .filter((name) => !OTHERS.has(name));
const [name = '', ...flags] = process.argv.slice(2);
if (names.includes(name)) {
  // Each benchmark reads its flags as if it had been started by itself.
  process.argv.splice(2, process.argv.length, ...flags);
  await import(`./${name}.ts`);
} else {
  process.stderr.write(`npm run bench -- ${names.join(' | ')}\n`);
  process.exitCode = name === '' ? 0 : 2;
}
