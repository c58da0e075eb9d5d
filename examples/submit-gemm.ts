/**
 * One matrix product: submitted, watched, collected, verified, and its certificate kept.
 *
 *   npm run example -- submit-gemm
 */
import { writeFile } from 'node:fs/promises';
import { connect } from 'kadre';
import { verify } from 'kadre/verify';

const n = 256;
const a = { data: Float32Array.from({ length: n * n }, (_, i) => Math.sin(i)), shape: [n, n] };
const b = { data: Float32Array.from({ length: n * n }, (_, i) => Math.cos(i)), shape: [n, n] };

await using swarm = await connect({ network: process.env.KADRE_NETWORK ?? 'public' });
const job = await swarm.submit('gemm.f32@1', { inputs: { a, b }, shards: 16 });
console.log(`job ${job.id}`);
for await (const event of job.events()) {
  if (event.type === 'progress') console.log(`${event.accepted} of ${event.total} shards`);
  if (event.type === 'dispute') console.log(`${event.peer} is named: ${event.kind}`);
}

const { outputs, certificate } = await job.result();
if (certificate === null) throw new Error('a job with a cadre has a certificate');
const verdict = await verify(certificate, { inputs: { a, b }, outputs, jobId: job.id });
if (!verdict.valid) throw new Error(`not valid: ${verdict.reason}`);
const { signers, n: seats } = verdict.cadre;
console.log(`c[0][0] is ${outputs.c?.data[0]}; ${signers.length} of ${seats} members signed`);
await writeFile('product.kadre', certificate);
console.log('certificate: product.kadre');
