/**
 * Work that comes as a stream: a job for each piece, results in its order, and the source is asked
 * for more only as fast as the swarm keeps up.
 *
 *   npm run example -- map-over-a-stream
 */
import { connect, type Work } from 'kadre';

const [rows, columns] = [64, 128];
const weights = {
  data: new Float32Array(columns * columns).fill(0.5),
  shape: [columns, columns],
};

/** Rows of a matrix that is never anywhere as a whole. */
async function* batches(): AsyncGenerator<Work> {
  for (let batch = 0; batch < 6; batch++) {
    console.log(`batch ${batch} goes in`);
    const a = { data: new Float32Array(rows * columns).fill(batch), shape: [rows, columns] };
    yield { inputs: { a, b: weights }, shards: 4 };
  }
}

await using swarm = await connect({ network: process.env.KADRE_NETWORK ?? 'public' });
let batch = 0;
for await (const { outputs, summary } of swarm.map('gemm.f32@1', batches(), { concurrency: 2 })) {
  console.log(`batch ${batch} is ${outputs.c?.data[0]} after ${Math.round(summary.ms.total)} ms`);
  batch += 1;
}
