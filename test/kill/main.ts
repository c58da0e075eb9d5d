/**
 * Every point of the enumeration, one after the other, in fresh labs of a few points each. Run:
 * `npm run kill-points`, or with a part of a name: `npm run kill-points -- "send seal"`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startLab } from '../../node/lab/lab.ts';
import { DEATHS, KillLab, nameOf } from '../support/kill-run.ts';
import { silentLogger } from '../support/real-ports.ts';

const NODES = 5;
const ENTRY = fileURLToPath(new URL('../../node/lab/node-main.ts', import.meta.url));

const wanted = process.argv[2] ?? '';
const deaths = DEATHS.filter((death) => nameOf(death).includes(wanted));
const folder = await mkdtemp(join(tmpdir(), 'kadre-kill-'));
const dieAt = join(folder, 'die-at.json');
let failures = 0;

const freshLab = async () =>
  startLab({
    entry: ENTRY,
    behaviours: Array.from({ length: NODES }, () => null),
    seed: 1,
    logLevel: process.env.KILL_LOG === undefined ? 'error' : 'debug',
    log: silentLogger,
    signal: AbortSignal.timeout(120_000),
    dieAt,
  });

let lab = await freshLab();
try {
  let killLab = new KillLab(lab, dieAt);
  for (const death of deaths) {
    const startMs = performance.now();
    try {
      const { peerId } = await killLab.run(death);
      const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
      console.log(`ok    ${nameOf(death)}: ${peerId.slice(-6)}, ${seconds} s`);
    } catch (cause) {
      failures += 1;
      console.log(`FAIL  ${nameOf(death)}: ${cause instanceof Error ? cause.message : cause}`);
      // The next point must not suffer from what this one left.
      await lab.stop();
      lab = await freshLab();
      killLab = new KillLab(lab, dieAt);
    }
  }
} finally {
  await lab.stop();
  await rm(folder, { recursive: true, force: true });
}
console.log(`${deaths.length - failures} of ${deaths.length} points survived`);
process.exitCode = failures === 0 ? 0 : 1;
