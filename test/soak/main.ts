/**
 * Cadres of 4 and of 7 real processes over libp2p, killed with `kill -9`, restarted, and stopped
 * for longer than a round's timer, at moments that the seed draws:
 *
 *   npm run soak -- [--seconds N] [--seed S]
 *
 * N seconds of harm for each cadre (default 60). Prints the seed and what happened; exits 1 when a
 * block differed, went missing or was not properly certified. Real processes do not repeat exactly.
 */
import { parseArgs } from 'node:util';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { CadreSoak } from '../support/soak/cadre-soak.ts';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' } },
});
const seed = Number(values.seed ?? 1 + (Date.now() % 1_000_000_000));
const random = new SeededRandom(seed);
for (const seats of [4, 7]) {
  const end = await new CadreSoak(random.fork()).run(seats, Number(values.seconds) * 1_000);
  const { blocks, texts, kills, stops, faults } = end;
  console.log(
    `n = ${seats}, seed ${seed}: ${kills} kills, ${stops} stops; ${texts} texts in ${blocks} ` +
      `blocks, the same at every member; ${faults.length} faults`,
  );
  for (const fault of faults) console.log(`  ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
}
