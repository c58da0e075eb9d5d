/**
 * A checkpoint judged by somebody who was not there: the chain of certified rounds, and a state
 * that must be the one it ends in, in plain TypeScript, beside hashing alone.
 *
 *   npm run bench -- checkpoint [--megabytes 100] [--rounds 2] [--runs 7] [--max-seconds 0.3]
 */
import { parseArgs } from 'node:util';
import { sha256 } from '../../src/crypto/portable/hash.ts';
import { modelOfState } from '../../src/federated/round/round-state.ts';
import { type VerifyChainOptions, verifyChain } from '../../src/verify.ts';
import { makeChain } from '../support/chain-factory.ts';

const { values: flags } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '100' },
    rounds: { type: 'string', default: '2' },
    runs: { type: 'string', default: '7' },
    'max-seconds': { type: 'string' },
  },
});
/** Two rows of four bytes. */
const columns = 2 * Math.round((Number(flags.megabytes) * 1e6) / 16);
const write = (line: string) => process.stdout.write(`${line}\n`);

function row(name: string, call: () => unknown): number {
  const seconds = Array.from({ length: Number(flags.runs) }, () => {
    const startMs = performance.now();
    call();
    return (performance.now() - startMs) / 1000;
  }).sort((a, b) => a - b);
  const [best, median, worst] = [seconds[0]!, seconds[seconds.length >> 1]!, seconds.at(-1)!];
  const list = [best, median, worst].map((one) => one.toFixed(3)).join(' ');
  write(`${name.padEnd(34)} ${list} s (best, median, worst)`);
  return median;
}

function judge(encoded: Uint8Array, options: VerifyChainOptions): void {
  const verdict = verifyChain(encoded, options);
  if (!verdict.valid) throw new Error(`${verdict.reason} ${verdict.detail}`);
}

const { encoded, states } = makeChain({ count: Number(flags.rounds), columns });
const state = states.at(-1)!;
const bytes = new Uint8Array(state.buffer, state.byteOffset, state.byteLength);
write(
  `a state of ${bytes.length / 1e6} MB, a chain of ${flags.rounds} rounds, ${encoded.length} B`,
);
row('limit: SHA-256 of the state', () => sha256(bytes));
row('the chain alone', () => judge(encoded, {}));
const median = row('chain and state', () => judge(encoded, { state }));
const model = modelOfState(state, columns, 24);
row('chain, state and float32 model', () => judge(encoded, { state, model }));
if (flags['max-seconds'] !== undefined && median > Number(flags['max-seconds'])) {
  write(`missed: ${median.toFixed(3)} s are more than ${flags['max-seconds']}`);
  process.exitCode = 1;
}
