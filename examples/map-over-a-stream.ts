/**
 * Work that comes as a stream: results come back in its order, and the source is asked for more
 * only as fast as the swarm keeps up.
 *
 *   npm run example -- map-over-a-stream
 */
import { connect, type Work } from 'kadre';

const [rows, columns] = [64, 128];

/** Tiles of a picture that nobody ever holds as a whole. */
async function* tiles(): AsyncGenerator<Work> {
  const b = { data: new Float32Array(columns * columns).fill(0.5), shape: [columns, columns] };
  for (let tile = 0; tile < 6; tile++) {
    console.log(`tile ${tile} goes in`);
    const a = { data: new Float32Array(rows * columns).fill(tile), shape: [rows, columns] };
    yield { inputs: { a, b }, shards: 4 };
  }
}

await using swarm = await connect({ network: process.env.KADRE_NETWORK ?? 'public' });
let tile = 0;
for await (const { outputs, summary } of swarm.map('gemm.f32@1', tiles(), { concurrency: 2 })) {
  console.log(`tile ${tile} is ${outputs.c?.data[0]} after ${Math.round(summary.ms.total)} ms`);
  tile += 1;
}
