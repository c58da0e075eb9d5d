/**
 * Hostile bytes into every decoder: a slice of what `npm run fuzz -- --inputs N` does for longer.
 * KADRE_FUZZ_SEED repeats a run.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KadreError } from '../../src/base/errors.ts';
import { type Decoder, fuzzDecoder } from '../support/fuzz/decoder.ts';
import { allDecoders, inputsFor, NOT_HOSTILE, THROUGH } from '../support/fuzz/decoder-table.ts';
import { decodersOf, findDecoders } from '../support/fuzz/find-decoders.ts';

const INPUTS = 100_000;
const seed = Number(process.env.KADRE_FUZZ_SEED ?? 1 + (Date.now() % 1_000_000_000));
const decoders = allDecoders();
const counts = inputsFor(decoders, INPUTS);

for (const [i, decoder] of decoders.entries()) {
  test(decoder.covers.join(', '), async () => {
    const { inputs, accepted, findings } = await fuzzDecoder(decoder, counts[i]!, seed);
    const hex = (input: Uint8Array) => Buffer.from(input).toString('hex').slice(0, 4_000);
    assert.deepEqual(
      findings.map(({ problem, input }) => ({ problem, input: hex(input) })),
      [],
      `repeat with KADRE_FUZZ_SEED=${seed}`,
    );
    assert.equal(inputs, counts[i]);
    assert.ok(accepted >= 1, 'not even a seed was accepted');
  });
}

test('every decoder of the sources is fuzzed, or says why not', () => {
  const known = [
    ...decoders.flatMap((decoder) => decoder.covers),
    ...Object.keys(THROUGH),
    ...Object.keys(NOT_HOSTILE),
  ];
  const found = findDecoders();
  assert.ok(found.length > 50, `only ${found.length} decoders were found`);
  assert.deepEqual(
    found.filter((name) => !known.includes(name)),
    [],
    'add them to test/support/fuzz/decoder-table.ts',
  );
  const left = [...Object.keys(THROUGH), ...Object.keys(NOT_HOSTILE)];
  assert.deepEqual(
    left.filter((name) => !found.includes(name)),
    [],
    'these are gone',
  );
  const covered = new Set(decoders.flatMap((decoder) => decoder.covers));
  for (const [name, through] of Object.entries(THROUGH)) assert.ok(covered.has(through), name);
});

test('a new decoder is found by its name and by what it does', () => {
  const source = `
    export function parseThing(bytes: Uint8Array) { return bytes; }
    export const readThing = (text: string) => text;
    function inner(value: number) { return JSON.parse(String(value)); }
    export function parseNothing(count: number) { return count; }
    function decodeLocal(bytes: Uint8Array) { return bytes; }
    export class Reader { at(view: DataView) { return view.getUint32(0); } }
  `;
  assert.deepEqual(decodersOf('src/job/thing.ts', source), [
    'job/thing.ts: parseThing',
    'job/thing.ts: readThing',
    'job/thing.ts: inner',
    'job/thing.ts: Reader',
  ]);
});

const good = Uint8Array.of(1, 2, 3, 4);
const planted = (decode: Decoder['decode'], rest: Partial<Decoder> = {}): Decoder => ({
  covers: ['planted'],
  form: 'bytes',
  seeds: [good],
  decode,
  ...rest,
});

/** Kept, so that the collector does not hide what was allocated. */
const hoard: Uint8Array[] = [];

const FAULTS: readonly [name: string, problem: RegExp, decoder: Decoder][] = [
  [
    'throws on a length it did not expect',
    /threw RangeError/,
    planted((input) => {
      new DataView(input.buffer).getInt32(0);
      return {};
    }),
  ],
  [
    'throws another code than it says',
    /threw KadreError/,
    planted(
      () => {
        throw new KadreError({ code: 'INTERNAL' }, 'unexpected');
      },
      { throws: ['USAGE'] },
    ),
  ],
  [
    'believes a length',
    /held \d+ bytes/,
    planted((input) => {
      hoard.push(new Uint8Array((input[0] ?? 0) * 1_000_000));
      return 'refused';
    }),
  ],
  ['ignores what follows', /two spellings/, planted((input) => ({ again: input.subarray(0, 4) }))],
  [
    'accepts what nobody signed',
    /nobody signed/,
    planted((input) => (input.length > 3 ? { signed: input } : 'refused')),
  ],
  [
    'changes its input',
    /changed its input/,
    planted((input) => {
      input.fill(0);
      return 'refused';
    }),
  ],
  [
    'works for too long',
    /took \d+ µs/,
    planted(
      (input) => {
        const begin = process.cpuUsage().user;
        while (input[0] !== 1 && process.cpuUsage().user - begin < 40_000);
        return 'refused';
      },
      { cpuMicrosMax: 20_000 },
    ),
  ],
];

for (const [name, problem, decoder] of FAULTS) {
  test(`a decoder that ${name} is found`, async () => {
    const { findings } = await fuzzDecoder(decoder, 300, 7);
    hoard.length = 0;
    assert.match(findings[0]?.problem ?? 'nothing', problem);
  });
}

test('the same seed gives the same inputs', async () => {
  const seen = async (with_: number) => {
    const inputs: string[] = [];
    const decode = (input: Uint8Array) => {
      inputs.push(Buffer.from(input).toString('hex'));
      return 'refused' as const;
    };
    await fuzzDecoder(planted(decode), 200, with_);
    return inputs;
  };
  assert.deepEqual(await seen(5), await seen(5));
  assert.notDeepEqual(await seen(5), await seen(6));
});
