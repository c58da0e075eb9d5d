/**
 * Golden bytes of docs/protocol/federated-round.md: a plan, statements, a chain of certified rounds
 * and the states between them. Run through `npm run vectors -- federated-round`.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { toHex } from '../../src/base/bytes.ts';
import { openChain } from '../../src/federated/round/check-chain.ts';
import { machineOf } from '../../src/federated/round/training-plan.ts';
import { makeChain } from '../../test/support/chain-factory.ts';

const FILE = path.join(import.meta.dirname, '..', '..', 'test', 'vectors', 'federated-round.json');
const RULE = 'bucket:size=2+centered-clip:steps=3,radius=median';

const made = makeChain({ optimiser: 'nesterov', aggregator: RULE, senders: 4 });
const opened = openChain(made.encoded);
if (!opened.ok) throw new Error(opened.reason);
const bytesOf = (state: Int32Array) => toHex(new Uint8Array(state.buffer));

const vectors = {
  plan: toHex(made.training.encoded),
  id: toHex(made.training.id),
  firstState: bytesOf(made.state),
  chain: toHex(made.encoded),
  rounds: opened.value.rounds.map(({ record, head, certificate }, i) => {
    const place = { round: record.round, parent: record.parent };
    return {
      round: record.round,
      parent: toHex(record.parent),
      updateSeed: toHex(machineOf(made.training, place).context.seed),
      statements: toHex(record.statements),
      updates: toHex(made.updates[i]!),
      state: bytesOf(made.states[i]!),
      stateRoot: toHex(record.state),
      trace: toHex(record.trace),
      jobId: toHex(certificate.jobId),
      resultsRoot: toHex(certificate.resultsRoot),
      hash: toHex(head.parent),
    };
  }),
};
writeFileSync(FILE, `${JSON.stringify(vectors, null, 1)}\n`);
