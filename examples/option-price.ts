/**
 * The price of an option from millions of simulated paths, with the error that is left in it.
 *
 *   npm run example -- option-price
 */
import { connect, estimatePrice } from 'kadre';

const option = { spot: 100, strike: 105, rate: 0.03, volatility: 0.25, years: 1 };
const [blocks, paths] = [64, 65_536];

await using swarm = await connect({ network: process.env.KADRE_NETWORK ?? 'public' });
for (const put of [false, true]) {
  const parameters = { ...option, put, seed: 1, blocks, paths };
  const job = await swarm.submit('montecarlo.european@1', { parameters, shards: 16 });
  const { outputs } = await job.result();
  const { price, standardError } = estimatePrice(outputs.sums?.data as Float32Array, paths);
  console.log(`${put ? 'put' : 'call'}: ${price.toFixed(3)} ± ${standardError.toFixed(3)}`);
}
