/**
 * Gradient codecs: the ratio of a whole message (header counted) against binary32, and the speed of
 * the loops against memcpy in the same run, beside the floors of the design (its section 1.7, times
 * 0.8). Also whole encode and decode calls, in the reference and with the addon.
 *
 *   npm run bench -- codecs [--elements 4194304] [--runs 7] [--codec TEXT ...]
 */
import { parseArgs } from 'node:util';
import { loadAddon, type NativeCodecs } from '../../src/compute/addon.ts';
import { nativeCodecs } from '../../src/compute/native-codecs.ts';
import { codecOf, parseCodec } from '../../src/federated/codec/codec-spec.ts';
import { type CodecKernels, REFERENCE_KERNELS } from '../../src/federated/codec/kernels.ts';
import { toDense } from '../../src/federated/fixed-point.ts';
import { bellValues, contextOf, schemaOf } from '../support/updates.ts';

const { values } = parseArgs({
  options: {
    elements: { type: 'string', default: '4194304' },
    runs: { type: 'string', default: '7' },
    codec: { type: 'string', multiple: true },
  },
});
const elements = Number(values.elements);
const runs = Number(values.runs);
const ALL = [
  'q8',
  'q4',
  'q3',
  'q2',
  'q4:levels=lloyd',
  'q3:levels=lloyd',
  'q2:levels=lloyd',
  'qsgd',
  'ternary',
  'sign',
  'sign:block=4096',
  'vote',
  'topk:keep=5%',
  'topk',
  'topk:keep=0.1%,values=8',
  'topk:index=bitmap,keep=30%',
  'chunk',
  'chunk:values=2',
  'chunk:keep=8,values=1',
  'sparseloco',
  'randk',
  'powersgd',
  'powersgd:rank=1',
  'dct',
  'dgc:warmup=0',
];

const write = (line: string) => process.stdout.write(`${line}\n`);

/** Best of the runs, in seconds: the others waited for someone else. */
function best(call: () => unknown): number {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < runs; run++) {
    const startMs = performance.now();
    call();
    least = Math.min(least, performance.now() - startMs);
  }
  return least / 1000;
}

const columns = 1024;
const schema = schemaOf([{ name: 'w', shape: [Math.ceil(elements / columns), columns] }]);
const count = schema.elements;
const context = { ...contextOf(schema), round: 100 };
const x = bellValues(count);

function printRatios(subjects: readonly (readonly [string, CodecKernels])[]): void {
  write('codec                       ratio     delta    reference and addon, ms: encode, decode');
  for (const text of values.codec ?? ALL) {
    const spec = parseCodec(text);
    const times = subjects.map(([name, kernels]) => {
      const codec = codecOf(spec, kernels);
      const bytes = codec.encode(x, context);
      const encode = best(() => codec.encode(x, context)) * 1000;
      const decode = best(() => codec.decode(bytes, context)) * 1000;
      return `${name} ${encode.toFixed(1)} ${decode.toFixed(1)}`;
    });
    const bytes = codecOf(spec, subjects.at(-1)![1]).encode(x, context);
    const ratio = ((4 * count) / bytes.length).toFixed(2);
    const delta = deltaOf(spec.text, bytes).toFixed(5);
    write(`${text.padEnd(26)} ${ratio.padStart(8)}  ${delta}  ${times.join('   ')}`);
  }
}

/** 1 - |decoded - x|² / |x|². */
function deltaOf(text: string, bytes: Uint8Array): number {
  const update = codecOf(parseCodec(text)).decode(bytes, context);
  if (!update.ok) throw new Error(update.reason);
  const dense = toDense(update.value);
  let [error, energy] = [0, 0];
  for (let i = 0; i < count; i++) {
    error += (x[i]! - dense[i]! / 2 ** 24) ** 2;
    energy += x[i]! ** 2;
  }
  return 1 - error / energy;
}

interface Loop {
  readonly name: string;
  /** Elements per second that one free core must reach, in 10^9: 0.8 of the design's floor. */
  readonly floor?: number;
  readonly run: () => unknown;
}

function loopsOf(native: NativeCodecs, variant: string): Loop[] {
  const blocks = (bits: number, log2 = 8) => {
    const scales = new Uint8Array(2 * Math.ceil(count / 2 ** log2));
    const packed = new Uint8Array(Math.ceil((count * bits) / 8));
    const out = new Int32Array(count);
    const sum = new Float64Array(count);
    native.encodeBlocks(variant, log2, bits, 24, x, scales, packed);
    return {
      encode: () => native.encodeBlocks(variant, log2, bits, 24, x, scales, packed),
      decode: () => {
        const reason = native.decodeBlocks(variant, log2, bits, scales, packed, out);
        if (reason !== null) throw new Error(reason);
      },
      // Sums grow by one weight a call, far from their bound.
      accumulate: () => native.accumulateBlocks(variant, log2, bits, 1, scales, packed, sum),
    };
  };
  const [q8, q4, q2, sign] = [blocks(8), blocks(4), blocks(2), blocks(1, 12)];
  const chosen = new Uint32Array(Math.ceil(count / 10));
  const kernels = nativeCodecs({ codecs: native } as Parameters<typeof nativeCodecs>[0], variant);
  const matrix = { data: x, rows: count / columns, columns };
  const right = Array.from({ length: 4 }, (_, j) => bellValues(columns, j + 1, 1));
  const left = kernels.timesColumns(matrix, right);
  return [
    { name: 'q8 encode', floor: 1.6, run: q8.encode },
    { name: 'q8 decode', floor: 1.44, run: q8.decode },
    { name: 'q8 accumulate, checked', floor: 1.6, run: q8.accumulate },
    { name: 'q4 encode', run: q4.encode },
    { name: 'q4 decode', run: q4.decode },
    { name: 'q2 encode', run: q2.encode },
    { name: 'q2 decode', run: q2.decode },
    { name: 'sign, block 4096, encode', floor: 2, run: sign.encode },
    { name: 'sign, block 4096, decode', run: sign.decode },
    {
      name: 'top-k 1 %, exact',
      floor: 0.8,
      run: () => native.selectLargest(variant, Math.ceil(count / 100), x, chosen),
    },
    {
      name: 'chunk top-64 of 4096, exact',
      floor: 0.4,
      run: () => native.selectChunks(variant, 12, 64, x, chosen),
    },
    {
      name: 'chunk top-32 of 4096, exact',
      run: () => native.selectChunks(variant, 12, 32, x, chosen),
    },
    { name: 'PowerSGD rank 4, M Q', run: () => kernels.timesColumns(matrix, right) },
    { name: 'PowerSGD rank 4, Mt P', run: () => kernels.transposedTimesColumns(matrix, left) },
  ];
}

const addon = await loadAddon();
for (const variant of addon.codecs.variants()) {
  write(`\n${variant}: loops on one thread, ${count} elements, best of ${runs}`);
  for (const { name, floor, run } of loopsOf(addon.codecs, variant)) {
    const copy = new Float32Array(count);
    const copyRate = count / best(() => copy.set(x)) / 1e9;
    const rate = count / best(run) / 1e9;
    const share = `${(rate / copyRate).toFixed(2)} of memcpy`;
    const wanted =
      floor === undefined ? '' : `  floor ${floor}: ${rate >= floor ? 'met' : 'missed'}`;
    write(
      `  ${name.padEnd(28)} ${rate.toFixed(2)} G el/s  ${(4 * rate).toFixed(1)} GB/s  ${share}${wanted}`,
    );
  }
}
write('');
printRatios([
  ['js', REFERENCE_KERNELS],
  ['native', nativeCodecs(addon)],
]);
