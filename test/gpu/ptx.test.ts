/**
 * Device code as text: every compiler's PTX, run by our own interpreter, gives the bits of the
 * native path. No GPU is needed for that; what the assembler makes of the text is not covered. A
 * machine without nvcc or clang leaves that compiler's tests out, with one line each.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildNative } from '../../scripts/build-native.ts';
import {
  ARCHITECTURES,
  compileDeviceCode,
  type DeviceCompiler,
  findDeviceCompilers,
  ptxOf,
  relabelled,
} from '../../scripts/native/device-code.ts';
import { fma } from '../../src/compute/reference/fma.ts';
import { mandelbrotSteps } from '../../src/compute/reference/mandelbrot.ts';
import { type SampleKind, sampleFloats } from '../../src/compute/sample-input.ts';
import { lintPtx } from '../oracles/ptx/lint.ts';
import { runGrid } from '../oracles/ptx/machine.ts';
import { Space } from '../oracles/ptx/memory.ts';
import { parsePtx } from '../oracles/ptx/parse.ts';

const NATIVE = fileURLToPath(new URL('../../src/native', import.meta.url));
const compilers = await findDeviceCompilers();
await buildNative();
const out = await mkdtemp(join(tmpdir(), 'kadre-ptx-'));
after(() => rm(out, { recursive: true, force: true }));

type Extents = readonly [m: number, k: number, n: number];

interface Blocking {
  readonly entry: string;
  readonly edge: number;
  readonly threads: number;
}

const LARGE: Blocking = { entry: 'kadre_gemm_f32_128', edge: 128, threads: 256 };
const SMALL: Blocking = { entry: 'kadre_gemm_f32_64', edge: 64, threads: 64 };

/** Rows padded to 16 bytes with NaNs, so that padding which is computed with shows. */
function padded(words: Uint32Array, [rows, columns]: readonly [number, number]) {
  const pitch = Math.ceil(columns / 4) * 4;
  const wide = new Uint32Array(rows * pitch).fill(0x7fc0_dead);
  for (let r = 0; r < rows; r++) {
    wide.set(words.subarray(r * columns, (r + 1) * columns), r * pitch);
  }
  return { wide, pitch };
}

const wordsOf = (kind: SampleKind, count: number, seed: number) =>
  new Uint32Array(sampleFloats(kind, count, seed).buffer);

interface Sample {
  readonly a: Uint32Array;
  readonly b: Uint32Array;
  readonly extents: Extents;
}

function sample(kind: SampleKind, extents: Extents): Sample {
  const [m, k, n] = extents;
  return { a: wordsOf(kind, m * k, 3), b: wordsOf(kind, k * n, 4), extents };
}

/** The contract's chain (docs/protocol/numeric-contract.md, "Matrix product"). */
function chain({ a, b, extents: [m, k, n] }: Sample): Uint32Array {
  const [left, right] = [new Float32Array(a.buffer), new Float32Array(b.buffer)];
  const values = Float32Array.from({ length: m * n }, (_, at) => {
    const row = Math.floor(at / n) * k;
    let acc = 0;
    for (let p = 0; p < k; p++) acc = fma(left[row + p]!, right[p * n + (at % n)]!, acc);
    return acc;
  });
  const words = new Uint32Array(values.buffer);
  return words.map((word, at) => (Number.isNaN(values[at]) ? 0x7fc0_0000 : word));
}

function interpreted(ptx: string, { entry, edge, threads }: Blocking, data: Sample): Uint32Array {
  const [m, k, n] = data.extents;
  const space = new Space();
  const upload = (words: Uint32Array) => {
    const address = space.allocate(words.byteLength);
    space.at(address).set(words);
    return address;
  };
  const a = padded(data.a, [m, k]);
  const b = padded(data.b, [k, n]);
  const ldc = Math.ceil(n / 4) * 4;
  const c = space.allocate(m * ldc * 4);
  runGrid(parsePtx(ptx).entries.get(entry)!, {
    blocks: Math.ceil(m / edge) * Math.ceil(n / edge),
    threads,
    arguments: [upload(a.wide), upload(b.wide), c, m, n, k, a.pitch, b.pitch, ldc],
    space,
    seed: 77,
  });
  const rows = space.at(c);
  return Uint32Array.from({ length: m * n }, (_, at) => rows[Math.floor(at / n) * ldc + (at % n)]!);
}

const CASES: readonly [Blocking, SampleKind, Extents][] = [
  [SMALL, 'moderate', [1, 1, 1]],
  [SMALL, 'moderate', [67, 19, 70]],
  [SMALL, 'any-bits', [9, 41, 23]],
  [SMALL, 'tiny', [33, 16, 17]],
  [SMALL, 'moderate', [3, 0, 5]],
  [LARGE, 'moderate', [130, 11, 5]],
  [LARGE, 'any-bits', [20, 24, 140]],
];

/** Edges of a block, rows in the middle, points that escape late, one that never moves. */
const DEEP = { x: -0.743643887037151, y: 0.13182590420533, span: 1e-13 };
const PICTURES = [
  { x: -0.75, y: 0, span: 3, width: 67, height: 23, firstRow: 0, rows: 23, maxIterations: 60 },
  { ...DEEP, width: 17, height: 5, firstRow: 1, rows: 3, maxIterations: 5000 },
  { x: 0, y: 0, span: 1e-15, width: 1, height: 1, firstRow: 0, rows: 1, maxIterations: 7 },
  { x: 4, y: -4, span: 8, width: 129, height: 2, firstRow: 1, rows: 1, maxIterations: 1 },
];

function picture(ptx: string, view: (typeof PICTURES)[number]): Uint32Array {
  const space = new Space();
  const points = view.rows * view.width;
  const counts = space.allocate(points * 4);
  const { x, y, span, width, height, firstRow, maxIterations } = view;
  runGrid(parsePtx(ptx).entries.get('kadre_mandelbrot')!, {
    blocks: Math.ceil(points / 128),
    threads: 128,
    arguments: [x, y, span, counts, width, height, firstRow, points, maxIterations],
    space,
    seed: 78,
  });
  return space.at(counts);
}

function pictureOf(view: (typeof PICTURES)[number]): Uint32Array {
  const counts = new Uint32Array(view.rows * view.width);
  Array.from(mandelbrotSteps(view, counts));
  return counts;
}

/** One of them, in the middle of the text, as multiply and add. */
function withOneSplit(ptx: string): string {
  const all = [...ptx.matchAll(/fma\.rn\.f32\s+(\S+), (\S+), (\S+), (\S+);/g)];
  const { 0: text, 1: d, 2: a, 3: b, 4: c, index } = all[Math.floor(all.length / 2)]!;
  const split = `mul.rn.f32 %f0, ${a}, ${b};\n add.rn.f32 ${d}, %f0, ${c};`;
  return ptx.slice(0, index) + split + ptx.slice(index + text.length);
}

function compilerTests(compiler: DeviceCompiler, architectures: readonly number[]): void {
  for (const architecture of architectures) {
    test(`PTX for ${architecture} has the native bits and only allowed instructions`, async () => {
      const ptx = await ptxOf(compiler, NATIVE, { out, architecture });
      assert.deepEqual(lintPtx(ptx), []);
      for (const [blocking, kind, extents] of CASES) {
        const data = sample(kind, extents);
        assert.deepEqual(interpreted(ptx, blocking, data), chain(data), `${kind} ${extents}`);
      }
      for (const view of PICTURES) {
        assert.deepEqual(picture(ptx, view), pictureOf(view), JSON.stringify(view));
      }
    });
  }

  if (compiler.kind === 'nvcc') {
    test('our declarations of the driver agree with the toolkit', async () => {
      const source = fileURLToPath(new URL('driver-declarations.cc', import.meta.url));
      const object = join(out, 'declarations.o');
      const flags = ['-x', 'c++', '-std=c++17', '-c'];
      await promisify(execFile)(compiler.command, [...flags, source, '-o', object]);
    });
  }

  test('one multiply-add in two roundings is caught', async () => {
    const ptx = withOneSplit(await ptxOf(compiler, NATIVE, { out, architecture: 75 }));
    assert.deepEqual(lintPtx(ptx), [], 'the split is correct PTX');
    const wrong = [SMALL, LARGE].filter((blocking) => {
      // Whole tiles of k and a rest: wherever it stands, it is run.
      const data = sample('moderate', [blocking.edge, 27, blocking.edge]);
      const [actual, expected] = [interpreted(ptx, blocking, data), chain(data)];
      return actual.some((word, at) => word !== expected[at]);
    });
    assert.equal(wrong.length, 1, 'exactly the entry with the split');
  });

  test('a difference of squares from the factors is caught', async () => {
    const ptx = await ptxOf(compiler, NATIVE, { out, architecture: 75 });
    // (a + b)(a - b) in place of aa - bb: right in the reals, other bits in binary64.
    const body = ptx.slice(ptx.indexOf('kadre_mandelbrot('));
    const squares = [...body.matchAll(/mul\.rn\.f64\s+(\S+), (\S+), \2;/g)];
    const of = new Map(squares.map(([, square, root]) => [square!, root!]));
    const wrong = ptx.replaceAll(/sub\.rn\.f64\s+(\S+), (\S+), (\S+);/g, (line, d, a, b) => {
      const [x, y] = [of.get(a), of.get(b)];
      if (x === undefined || y === undefined) return line;
      return `sub.rn.f64 %fd0, ${x}, ${y};\nadd.rn.f64 ${d}, ${x}, ${y};\nmul.rn.f64 ${d}, ${d}, %fd0;`;
    });
    assert.notEqual(wrong, ptx);
    assert.deepEqual(lintPtx(wrong), []);
    assert.notDeepEqual(picture(wrong, PICTURES[1]!), pictureOf(PICTURES[1]!));
  });

  test('the same source gives the same bytes, with few enough registers', async () => {
    const folder = await mkdtemp(join(out, 'device-code-'));
    const { report, defines } = await compileDeviceCode(compiler, NATIVE, folder);
    const names = ['kernels.ptx', ...(defines.length > 1 ? ['kernels.fatbin'] : [])];
    const files = await Promise.all(names.map((file) => readFile(join(folder, file))));
    if (compiler.kind === 'nvcc') checkBudget(report);
    // Compiled before, elsewhere: nvcc's code is in the addon, clang's is made once more.
    const build = compiler.kind === 'nvcc' ? await buildNative() : undefined;
    const earlier =
      build?.state === 'current'
        ? await readFile(build.file)
        : Buffer.from(relabelled(await ptxOf(compiler, NATIVE, { out, architecture: 75 })));
    for (const [i, file] of files.entries()) assert.ok(earlier.includes(file), names[i]);
  });
}

/**
 * Registers of a thread; more would cost blocks per multiprocessor (launch bounds in kernels.cu).
 */
const REGISTERS_MAX: Readonly<Record<string, number>> = {
  kadre_gemm_f32_128: 128,
  kadre_gemm_f32_64: 170,
  kadre_mandelbrot: 64,
};
/** Outside of the loops; a spill inside of one would be larger at once. */
const SPILL_BYTES_MAX = 16;

function checkBudget(report: string): void {
  const parts = ["entry function '(\\w+)' for 'sm_(\\d+)'", '(\\d+) bytes spill stores'];
  const pattern = new RegExp([...parts, 'Used (\\d+) registers'].join('[\\s\\S]*?'), 'g');
  const seen: string[] = [];
  for (const [, entry, architecture, spill, registers] of report.matchAll(pattern)) {
    const what = `${entry} for sm_${architecture}`;
    assert.ok(Number(registers) <= REGISTERS_MAX[entry!]!, `${what}: ${registers} registers`);
    assert.ok(Number(spill) <= SPILL_BYTES_MAX, `${what}: ${spill} bytes spilled`);
    seen.push(what);
  }
  assert.equal(
    new Set(seen).size,
    Object.keys(REGISTERS_MAX).length * ARCHITECTURES.length,
    seen.join(),
  );
}

for (const [kind, architectures] of [
  ['nvcc', [75, 90, 120]],
  ['clang', [75]],
] as const) {
  const compiler = compilers.find((one) => one.kind === kind);
  if (compiler === undefined) {
    test(`device code by ${kind}`, { skip: `no ${kind} here` }, () => undefined);
  } else {
    describe(compiler.version, () => compilerTests(compiler, architectures));
  }
}

const entryOf = (line: string) =>
  `.version 6.3\n.target sm_75\n.address_size 64\n.visible .entry f(\n\t.param .u32 x\n)\n{\n${line}\n}\n`;

test('PTX that may not be is found', () => {
  assert.deepEqual(lintPtx(entryOf('fma.rn.f32 %f1, %f2, %f3, %f4;\nret;')), []);
  for (const line of [
    'mul.f32 %f1, %f2, %f3;',
    'add.f32 %f1, %f2, %f3;',
    'sub.f32 %f1, %f2, %f3;',
    'fma.rn.ftz.f32 %f1, %f2, %f3, %f4;',
    'fma.rz.f32 %f1, %f2, %f3, %f4;',
    'div.approx.f32 %f1, %f2, %f3;',
    'div.full.f32 %f1, %f2, %f3;',
    'ex2.approx.f32 %f1, %f2;',
    'rsqrt.approx.ftz.f32 %f1, %f2;',
    'atom.global.add.f32 %f1, [%rd1], %f2;',
    'red.global.add.f32 [%rd1], %f2;',
    'shfl.sync.bfly.b32 %r1, %r2, %r3, %r4, %r5;',
    'min.f32 %f1, %f2, %f3;',
    'cvt.rn.f32.s32 %f1, %r1;',
    'mov.u32 %r1, %clock;\nld.volatile.global.f32 %f1, [%rd1];',
  ]) {
    assert.equal(lintPtx(entryOf(line)).length, 1, line);
  }
});

test('an access outside of its allocation, a barrier that some miss: errors', () => {
  const run = (text: string) =>
    runGrid(parsePtx(entryOf(text)).entries.get('f')!, {
      blocks: 1,
      threads: 2,
      arguments: [1],
      space: new Space(),
      seed: 1,
    });
  const registers = '.reg .pred %p<2>;\n.reg .b32 %r<2>;\n.reg .f32 %f<2>;\n.reg .b64 %rd<2>;\n';
  assert.throws(
    () => run(`${registers}mov.u64 %rd1, 4096;\nld.global.f32 %f1, [%rd1];`),
    /no memory/,
  );
  const half = `mov.u32 %r1, %tid.x;\nsetp.eq.u32 %p1, %r1, 0;\n@%p1 bra L;\nbar.sync 0;\nL:\nret;`;
  assert.throws(() => run(registers + half), /different barriers/);
});

test('PTX is relabelled for old drivers, and only when it is newer', () => {
  assert.equal(
    relabelled('//\n.version 9.0\n.target sm_75\n'),
    '//\n.version 6.4\n.target sm_75\n',
  );
  assert.equal(relabelled('.version 6.3\n'), '.version 6.3\n');
});
