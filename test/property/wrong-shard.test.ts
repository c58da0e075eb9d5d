/** The odds in docs/wrong-shard.md rest on a model of a shard, held here against the ledger. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { chancesOf, outcomeOf, type ShardPolicy } from '../../scripts/docs/wrong-shard.ts';
import { equalBytes } from '../../src/base/bytes.ts';
import { acceptedDigests, shardDisputes } from '../../src/job/ledger/read-ledger.ts';
import { digestOf, makeJob } from '../support/job-factory.ts';
import { type Behaviour, runWorld } from '../support/ledger-world.ts';

/** What the reducer makes of a shard whose order of workers lies like this. */
function ledgerOf(liars: readonly boolean[], policy: ShardPolicy) {
  const job = makeJob({ nodes: 2 * policy.replicas + 6, shards: 1, policy });
  const { plan } = job;
  const order = plan.placement.order(0).map((candidate) => plan.workers[candidate]!);
  const behaviours = plan.nodes.map((_, index): Behaviour => {
    return liars[order.indexOf(index)] === true ? 'lie-1' : 'honest';
  });
  const { state } = runWorld({ job, behaviours, seed: 1 });
  const digest = acceptedDigests(plan, state, 0);
  const named = shardDisputes(state).map(({ worker }) => order.indexOf(worker));
  if (digest === undefined) return { outcome: 'failed', named };
  return { outcome: equalBytes(digest, digestOf(0)) ? 'right' : 'wrong', named };
}

const policies: readonly ShardPolicy[] = [
  { replicas: 1, quorum: 1 },
  { replicas: 2, quorum: 2 },
  { replicas: 3, quorum: 2 },
  { replicas: 3, quorum: 3 },
  { replicas: 4, quorum: 2 },
];

for (const policy of policies) {
  const name = `R = ${policy.replicas}, Q = ${policy.quorum}`;
  test(`whoever lies, the ledger ends as the page says: ${name}`, () => {
    const most = 2 * policy.replicas + 1;
    for (let bits = 0; bits < 2 ** Math.min(most, 7); bits++) {
      const liars = Array.from({ length: most }, (_, i) => ((bits >> i) & 1) === 1);
      const { outcome } = ledgerOf(liars, policy);
      assert.equal(outcome, outcomeOf(liars, policy), `liars ${liars}`);
    }
  });
}

test('two colluders below a quorum of 3 get nothing accepted, wherever they stand', () => {
  for (let first = 0; first < 7; first++) {
    for (let second = 0; second < first; second++) {
      const liars = Array.from({ length: 7 }, (_, i) => i === first || i === second);
      const { outcome, named } = ledgerOf(liars, { replicas: 3, quorum: 3 });
      assert.equal(outcome, 'right', `colluders at ${second} and ${first}`);
      const heard = named.every((at) => at === first || at === second);
      assert.ok(heard, 'only they are named');
      if (second < 3) assert.ok(named.includes(second), 'who lied in the first wave is named');
    }
  }
});

test('the chances are those of the outcomes, and add up', () => {
  const policy = fc
    .integer({ min: 1, max: 4 })
    .chain((replicas) =>
      fc.record({ replicas: fc.constant(replicas), quorum: fc.integer({ min: 1, max: replicas }) }),
    );
  fc.assert(
    fc.property(policy, fc.double({ min: 0, max: 1, noNaN: true }), (one, share) => {
      const counted = { right: 0, wrong: 0, failed: 0 };
      const most = 2 * one.replicas + 1;
      for (let bits = 0; bits < 2 ** most; bits++) {
        const liars = Array.from({ length: most }, (_, i) => ((bits >> i) & 1) === 1);
        const wrong = liars.filter(Boolean).length;
        counted[outcomeOf(liars, one)] += share ** wrong * (1 - share) ** (most - wrong);
      }
      const chances = chancesOf(one, share);
      for (const outcome of ['right', 'wrong', 'failed'] as const) {
        assert.ok(Math.abs(chances[outcome] - counted[outcome]) < 1e-12, outcome);
      }
    }),
  );
});
