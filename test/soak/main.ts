/**
 * Cadres of 4 and of 7 real processes over libp2p, killed with `kill -9`, restarted, and stopped
 * for longer than a round's timer, at moments that the seed draws:
 *
 *   npm run soak -- [--seconds N] [--seed S] [--only plain|lies|split]
 *
 * N seconds of harm for each cadre (default 60): all honest; one member of each lie; and, where
 * network namespaces are permitted, hosts of their own with 2 % loss, and links that are blocked in
 * one direction or around one member after the other. Prints the seed and what happened; exits 1
 * when a block differed, went missing or was not properly certified. Real processes do not repeat
 * exactly.
 */
import { parseArgs } from 'node:util';
import { LIES, type LieName } from '../../src/sim/cadre/lies.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { whyNoInternet } from '../support/netns/internet.ts';
import { CadreSoak, type SoakOptions } from '../support/soak/cadre-soak.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
    only: { type: 'string' },
  },
});
const seed = Number(values.seed ?? 1 + (Date.now() % 1_000_000_000));
const random = new SeededRandom(seed);
const SIZES = [4, 7];
const INTERNET = { latencyMs: 5, lossPerMille: 20 };

interface Soak extends SoakOptions {
  readonly kind: string;
  readonly seats: number;
}

function soaks(): Soak[] {
  const lies = Object.keys(LIES) as LieName[];
  const splits = whyNoInternet();
  if (splits !== undefined) console.log(`skipped: no hosts of their own here, ${splits}`);
  return [
    ...SIZES.map((seats) => ({ kind: 'plain', seats })),
    ...lies.map((lie, i) => ({ kind: 'lies', seats: SIZES[i % SIZES.length]!, lie })),
    ...(splits === undefined
      ? SIZES.map((seats) => ({ kind: 'split', seats, internet: INTERNET }))
      : []),
  ].filter(({ kind }) => values.only === undefined || values.only === kind);
}

for (const { kind, seats, ...options } of soaks()) {
  const soak = new CadreSoak(random.fork(), options);
  const end = await soak.run(seats, Number(values.seconds) * 1_000);
  const { blocks, texts, kills, stops, splits, blames, faults } = end;
  console.log(
    `${options.lie ?? kind}, n = ${seats}, seed ${seed}: ${kills} kills, ${stops} stops, ` +
      `${splits} splits, ${blames} times blamed; ${texts} texts in ${blocks} blocks, ` +
      `the same at every honest member; ${faults.length} faults`,
  );
  for (const fault of faults) console.log(`  ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
}
