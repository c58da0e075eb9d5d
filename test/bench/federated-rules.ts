/**
 * Every rule on one core, in TypeScript: Gram sums, decision and application of a round, as seconds
 * and as a ratio to copying the same updates once in the same run.
 *
 *   npm run bench -- federated-rules [--clients 32] [--elements 1000000] [--rules SPEC;SPEC]
 */
import { parseArgs } from 'node:util';
import { ChaChaWords } from '../../src/crypto/portable/chacha20.ts';
import { applyDecision } from '../../src/federated/rule/apply.ts';
import { decide } from '../../src/federated/rule/decide.ts';
import { gramBlocks, sumGram } from '../../src/federated/rule/gram.ts';
import { needsGram } from '../../src/federated/rule/pipeline.ts';
import { parsePipeline } from '../../src/federated/rule/rule-text.ts';

const RULES =
  'mean;median;trimmed-mean:5;multi-krum:5;geometric-median;centered-clip;bucket+centered-clip';
const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '32' },
    elements: { type: 'string', default: '1000000' },
    rules: { type: 'string', default: RULES },
  },
});
const clients = Number(values.clients);
const elements = Number(values.elements);
const random = new ChaChaWords(new Uint8Array(32));
/** Updates of ordinary size: some 2^-8 in units of 2^-24. */
const vector = () => Int32Array.from({ length: elements }, () => (random.next() | 0) >> 15);
const basis = { reference: vector(), updates: Array.from({ length: clients }, vector) };
const arrivals = basis.updates.map(() => ({ weight: 1, staleness: 0 }));
const context = { arrivals, seed: new Uint8Array(32), fractionBits: 24 };

function timed<T>(work: () => T): { value: T; ms: number } {
  const startMs = performance.now();
  const value = work();
  return { value, ms: performance.now() - startMs };
}

const target = new Int32Array(elements);
const copyMs = timed(() => basis.updates.map((update) => target.set(update))).ms;
process.stdout.write(`copying ${clients} x ${elements} elements: ${copyMs.toFixed(1)} ms\n`);
for (const rule of values.rules.split(';')) {
  const pipeline = parsePipeline(rule);
  if (!pipeline.ok) throw new Error(pipeline.detail);
  const gram = timed(() =>
    needsGram(pipeline.value) ? sumGram([gramBlocks(basis)], clients) : [],
  );
  const decided = timed(() => decide(pipeline.value, context, gram.value));
  const decision = decided.value;
  if (!decision.ok) throw new Error(decision.reason);
  const applied = timed(() => applyDecision(decision.value, basis));
  const total = gram.ms + decided.ms + applied.ms;
  const parts = [gram, decided, applied].map(({ ms }) => ms.toFixed(0)).join(' + ');
  const ratio = (total / copyMs).toFixed(1);
  process.stdout.write(`${rule.padEnd(22)} ${parts} ms (Gram, decide, apply), ${ratio} copies\n`);
}
