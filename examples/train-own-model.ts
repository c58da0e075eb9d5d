/**
 * A model that Kadre knows nothing of: three parties fit one curve to points that each keeps to
 * itself. Only compressed, signed changes of its coefficients leave them; every round is a
 * certified job, and the chain of certificates is checked at the end, which anybody could do.
 *
 *   npm run example -- train-own-model
 */
import { connect, type LocalTraining } from 'kadre';
import { verifyChain } from 'kadre/verify';

const network = process.env.KADRE_NETWORK ?? 'public';
const truth = (x: number) => 0.5 + 2 * x - 1.5 * x * x;

/** Gradient descent on the points of one party: y = c0 + c1 x + c2 x². */
function fitTo(points: readonly (readonly [x: number, y: number])[]): LocalTraining {
  return async (model) => {
    const fitted = model.slice();
    for (let step = 0; step < 200; step++) {
      for (const [x, y] of points) {
        const error = y - (fitted[0]! + fitted[1]! * x + fitted[2]! * x * x);
        for (let k = 0; k < 3; k++) fitted[k]! += 0.05 * error * x ** k;
      }
    }
    return { delta: fitted.map((value, k) => value - model[k]!), weight: points.length };
  };
}

await using swarm = await connect({ network, listen: ['/ip4/127.0.0.1/tcp/0'] });
const training = await swarm.train({
  model: { tensors: [{ name: 'c', shape: [3] }], initial: new Float32Array(3) },
  rounds: 8,
  clients: 3,
  codec: 'q8',
  aggregator: 'mean',
});

// Each sees another third of the curve; in life, another machine.
const parties = [-1, -0.33, 0.34].map(async (from) => {
  await using party = await connect({ network });
  const points = Array.from({ length: 20 }, (_, i) => from + (i * 0.66) / 19);
  const train = fitTo(points.map((x) => [x, truth(x)]));
  for await (const event of party.join(training.id, { train })) {
    if (event.type === 'refused') console.log(`refused: ${event.reason}`);
  }
});

for await (const { round, clients, model } of training) {
  const curve = [...model].map((value) => value.toFixed(2)).join(' ');
  console.log(`round ${round}: ${clients.length} parties, ${curve}`);
}
await Promise.all(parties);

const verdict = verifyChain(training.chain(), { state: training.state, training: training.id });
if (!verdict.valid) throw new Error(verdict.reason);
console.log(`valid: ${verdict.rounds} rounds, each agreed on by ${verdict.quorum} workers`);
