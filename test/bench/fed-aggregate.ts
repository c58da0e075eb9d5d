/**
 * A federated round of many large messages: hash check, judgement of every block, aggregate, the
 * optimiser's step, by the addon, beside what the machine could do at best in the same run.
 *
 *   npm run bench -- fed-aggregate [--clients 32] [--elements 10000000] [--codec q8]
 *     [--rules 'mean;bucket+centered-clip'] [--threads 2] [--runs 5] [--max-seconds 0.4]
 *
 * With --max-seconds it fails when hash check and mean take longer at best.
 */
import { parseArgs } from 'node:util';
import { u32, utf8 } from '../../src/base/bytes.ts';
import { blobRoot } from '../../src/blob/tree.ts';
import { loadAddon } from '../../src/compute/addon.ts';
import { nativeRounds } from '../../src/compute/native-rounds.ts';
import { signerFromSeed } from '../../src/crypto/node/keys.ts';
import { sha256 } from '../../src/crypto/portable/hash.ts';
import {
  aggregateRoundBy,
  encodeTensors,
  roundMachine,
} from '../../src/federated/round/aggregate-round.ts';
import { firstState } from '../../src/federated/round/round-state.ts';
import {
  encodeStatements,
  joinUpdates,
  signStatement,
} from '../../src/federated/round/statement.ts';
import { aggregateBasis } from '../../src/federated/rule/aggregate.ts';
import { bellValues } from '../support/updates.ts';

const { values: flags } = parseArgs({
  options: {
    clients: { type: 'string', default: '32' },
    elements: { type: 'string', default: '10000000' },
    codec: { type: 'string', default: 'q8' },
    rules: { type: 'string', default: 'mean;bucket+centered-clip;median' },
    threads: { type: 'string', default: '2' },
    runs: { type: 'string', default: '5' },
    'max-seconds': { type: 'string' },
  },
});
const [clients, elements] = [Number(flags.clients), Number(flags.elements)];
const threads = Number(flags.threads);
const write = (line: string) => process.stdout.write(`${line}\n`);

/** Every run's seconds, ascending: the least is what the machine can do when nobody else works. */
function timed(call: () => unknown, runs = Number(flags.runs)): number[] {
  const seconds = Array.from({ length: runs }, () => {
    const startMs = performance.now();
    call();
    return (performance.now() - startMs) / 1000;
  });
  return seconds.sort((a, b) => a - b);
}

function row(name: string, seconds: readonly number[], note = ''): number {
  const [least, most] = [seconds[0]!, seconds.at(-1)!];
  const middle = seconds[seconds.length >> 1]!;
  const parts = [least, middle, most].map((one) => one.toFixed(3)).join(' ');
  write(`${name.padEnd(44)} ${parts} s (best, median, worst)${note}`);
  return least;
}

const addon = await loadAddon();
const kernels = nativeRounds(addon, { threads });
const place = { training: '11'.repeat(32), parent: '22'.repeat(32), round: 3 };
const optimiser = 'nesterov:rate=0.7,momentum=0.9';
const parametersFor = (rule: string) => {
  return { codec: flags.codec, rule, optimiser, fractionBits: 24, ...place };
};
const schema = encodeTensors([{ name: 'w', shape: [elements] }]);
function machineFor(rule: string) {
  const machine = roundMachine(parametersFor(rule), schema, kernels.codecs);
  if (!machine.ok) throw new Error(machine.detail ?? machine.reason);
  return machine.value;
}

const { codec, context, optimiser: stepper, place: round } = machineFor('mean');
const values = bellValues(elements, 1);
const sent = Array.from({ length: clients }, (_, i) => {
  const signer = signerFromSeed(sha256(utf8(`bench client ${i}`)));
  // Not the same bytes twice, at the price of one element.
  values[i] = 0.5 + i;
  const container = codec.encode(values, { ...context, ditherKey: sha256(u32(i)) });
  const statement = { ...round, client: signer.nodeId, weight: 1 + i };
  const [bytes, root] = [container.length, blobRoot(container)];
  return {
    client: signer.nodeId,
    container,
    signed: signStatement(signer, { ...statement, bytes, root }),
  };
});
const updates = joinUpdates(sent);
const { length } = sent[0]!.container;
const containers = Array.from({ length: clients }, (_, i) =>
  updates.subarray(i * length, (i + 1) * length),
);
const statements = encodeStatements(sent.map(({ signed }) => signed));
const state = firstState(stepper, values, 24);
write(
  `${clients} clients x ${elements} elements in ${flags.codec}: ` +
    `${(updates.length / 1e6).toFixed(0)} MB, ${threads} threads, ${addon.codecs.variants()[0]}`,
);

const copy = new Uint8Array(updates.length);
const copied = row(
  'limit: memory, all messages copied, one thread',
  timed(() => copy.set(updates)),
);
const oneHash = timed(() => sha256(containers[0]!))[0]!;
const hashLimit = (oneHash * clients) / threads;
write(
  `limit: SHA-256 of all messages by OpenSSL at best ${hashLimit.toFixed(3)} s on ${threads} cores ` +
    `(${(length / oneHash / 1e9).toFixed(2)} GB/s each); copying moved ` +
    `${((2 * updates.length) / copied / 1e9).toFixed(1)} GB/s`,
);

const hashed = row(
  'hash check',
  timed(() => kernels.blobRoots(containers)),
);
const open = () => {
  const opened = kernels.openUpdates(containers, codec, context);
  if (!opened.ok) throw new Error(opened.reason);
  return opened.value;
};
const judged = row('every block judged', timed(open));
const arrivals = sent.map((_, i) => ({ weight: 1 + i, staleness: 0 }));
const reference = new Int32Array(elements);
let meanSeconds = Number.POSITIVE_INFINITY;
for (const rule of flags.rules.split(';')) {
  const { pipeline } = machineFor(rule);
  const basis = { reference, updates: open() };
  const ruleContext = { arrivals, seed: new Uint8Array(32), fractionBits: 24 };
  const seconds = timed(() => aggregateBasis(pipeline, basis, ruleContext, kernels));
  const whole = hashed + judged + row(`${rule}: aggregated`, seconds);
  if (rule === 'mean') meanSeconds = whole;
  write(`${`${rule}: hash-checked, judged, aggregated`.padEnd(44)} ${whole.toFixed(3)} s at best`);
  const parameters = parametersFor(rule);
  const all = timed(() => {
    const outcome = aggregateRoundBy(kernels, parameters, { schema, state, statements, updates });
    if (!outcome.ok) throw new Error(outcome.reason);
  }, 3);
  row(`${rule}: the whole kernel, signatures and step`, all);
}
if (flags['max-seconds'] !== undefined && meanSeconds > Number(flags['max-seconds'])) {
  write(`missed: ${meanSeconds.toFixed(3)} s are more than ${flags['max-seconds']}`);
  process.exitCode = 1;
}
