/**
 * A picture of the Mandelbrot set, computed by strangers and certified to the last pixel.
 *
 *   npm run example -- mandelbrot-png
 */
import { writeFile } from 'node:fs/promises';
import { connect } from 'kadre';
// Forty lines over node:zlib; copy them.
import { encodePng } from '../node/demo/png.ts';

const view = { x: -0.75, y: 0, span: 3, width: 600, height: 400, maxIterations: 500 };

await using swarm = await connect({ network: process.env.KADRE_NETWORK ?? 'public' });
const job = await swarm.submit('mandelbrot@1', { parameters: view, shards: 16 });
const { outputs, summary } = await job.result();

const shadeOf = (steps: number) =>
  steps === view.maxIterations ? 0 : 255 - Math.round(255 / (1 + steps / 8));
const grey = Array.from(outputs.counts?.data as Uint32Array, shadeOf);
const rgb = Uint8Array.from(grey.flatMap((value) => [value, value, value]));
await writeFile('mandelbrot.png', encodePng({ width: view.width, height: view.height, rgb }));
console.log(`mandelbrot.png, by ${Object.keys(summary.workers).length} workers`);
