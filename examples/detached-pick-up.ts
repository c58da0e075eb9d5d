/**
 * A job that goes on without the one who asked for it, and is picked up later by its id.
 *
 *   npm run example -- detached-pick-up
 */
import { randomBytes } from 'node:crypto';
import { connect } from 'kadre';
import { verify } from 'kadre/verify';

const network = process.env.KADRE_NETWORK ?? 'public';
// Whoever has this seed is the requester, and may cancel: keep it as long as the job matters.
const identitySeed = new Uint8Array(randomBytes(32));
const view = { x: -0.75, y: 0, span: 3, width: 600, height: 400, maxIterations: 20_000 };

async function submitAndLeave(): Promise<string> {
  await using swarm = await connect({ network, identitySeed });
  const work = { parameters: view, shards: 32 };
  const job = await swarm.submit('mandelbrot@1', work, { detached: true });
  for await (const event of job.events()) {
    if (event.type === 'failed') throw new Error(event.error.message);
    if (event.type !== 'detachable') continue;
    console.log(`${event.holders.length} others hold all that the job needs`);
    break;
  }
  return job.id;
}

const id = await submitAndLeave();
console.log(`gone; job ${id} goes on`);

await using swarm = await connect({ network, identitySeed });
const job = await swarm.job(id);
console.log(`found again: ${(await job.describe()).state}`);
const { certificate, outputs } = await job.result();
if (certificate === null) throw new Error('a job with a cadre has a certificate');
const verdict = await verify(certificate, { outputs, jobId: id });
console.log(verdict.valid ? 'picked up, and valid' : `not valid: ${verdict.reason}`);
