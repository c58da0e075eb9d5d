/**
 * The long run of what test/fuzz/decoders.test.ts does briefly:
 *
 *   npm run fuzz -- [--inputs N] [--seed S] [--only TEXT]
 *
 * N inputs over all decoders together (default 1,000,000). Prints the seed, which repeats the run,
 * and every input that broke a rule; exits 1 when there was one.
 */
import { parseArgs } from 'node:util';
import { fuzzDecoder } from '../support/fuzz/decoder.ts';
import { allDecoders, inputsFor } from '../support/fuzz/decoder-table.ts';

const { values } = parseArgs({
  options: { inputs: { type: 'string' }, seed: { type: 'string' }, only: { type: 'string' } },
});
const total = Number(values.inputs ?? 1_000_000);
const seed = Number(values.seed ?? 1 + (Date.now() % 1_000_000_000));
const decoders = allDecoders().filter(({ covers }) => covers.join(' ').includes(values.only ?? ''));
const counts = inputsFor(decoders, total);
console.log(`fuzz: ${total} inputs over ${decoders.length} decoders, seed ${seed}`);

let inputsDone = 0;
let broken = 0;
for (const [i, decoder] of decoders.entries()) {
  const begin = performance.now();
  const { inputs, accepted, findings } = await fuzzDecoder(decoder, counts[i]!, seed);
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  console.log(`${decoder.covers.join(', ')}: ${inputs} inputs, ${accepted} accepted, ${seconds} s`);
  for (const { problem, input } of findings) {
    console.log(`  BROKEN ${problem}\n  input ${Buffer.from(input).toString('hex')}`);
  }
  inputsDone += inputs;
  broken += findings.length;
}
console.log(`fuzz: ${inputsDone} inputs, ${broken} findings, seed ${seed}`);
process.exitCode = broken === 0 && inputsDone > 0 ? 0 : 1;
