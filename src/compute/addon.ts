/**
 * Finding and loading the native addon. A binary that this machine has not loaded before is first
 * loaded in a child process, so that a broken one costs a message and not the node; the outcome is
 * remembered under the file's hash. Every failure is kept with its remedy
 * (docs/protocol/kernel.md, "Native interface").
 */
import { execFile } from 'node:child_process';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { concatBytes, toHex, utf8 } from '../base/bytes.ts';
import { KadreError } from '../base/errors.ts';
import { sha256 } from '../crypto/portable/hash.ts';

/** What src/native/napi/addon.cc exports. */
export interface Addon {
  readonly interfaceVersion: number;
  /**
   * Best first. With `gpu` GPUs too: that opens a context on each, which only a process that may be
   * killed at any time should own.
   */
  backends(gpu?: boolean): BackendCandidate[];
  /** Devices of the GPU backends that work; none before they were asked for. */
  gpus(): GpuFacts[];
  cpuFeatures(): string[];
  /** Once, before the first `run`; returns how many threads there are. */
  startThreads(count: number): number;
  /** On the calling thread: for calls of microseconds. */
  runNow(...call: NativeCall): void;
  /** On the addon's threads; the buffers must not be touched until it settles. */
  run(...call: NativeCall): Promise<void>;
  /** Element-wise fmaf into `out`. */
  fma(a: Float32Array, b: Float32Array, c: Float32Array, out: Float32Array): void;
  /** The hot loops of gradient codecs, on the calling thread: src/native/federated. */
  readonly codecs: NativeCodecs;
  /** What a federated round does to whole vectors, done when the call returns. */
  readonly rounds: NativeRounds;
}

export interface BackendCandidate {
  readonly name: string;
  /** Null for one that works on this machine, else a reason: `no-driver`, `no-avx512f`, ... */
  readonly problem: string | null;
}

export interface GpuFacts {
  /** `cuda/sm_90`; several devices of one architecture share a backend. */
  readonly backend: string;
  readonly model: string;
  /** Compute capability times ten. */
  readonly capability: number;
  /** Bytes. */
  readonly memory: number;
  /** Newest CUDA that the driver supports: 12040 is 12.4. */
  readonly driver: number;
}

/** Arguments are checked: a wrong length or number throws a TypeError. */
export interface NativeCodecs {
  /** Instruction sets that work here, best first: the first argument of all others. */
  variants(): string[];
  firstNotFinite(variant: string, x: Float32Array): number;
  encodeBlocks(
    ...call: [...shape: BlockShape, fractionBits: number, x: Float32Array, ...sections: TwoSections]
  ): void;
  /** The reason why there are no integers, or null. */
  decodeBlocks(
    ...call: [...shape: BlockShape, ...sections: TwoSections, out: Int32Array]
  ): string | null;
  /** sum += weight · integers; the reason, and `sum` unchanged, when there are none. */
  accumulateBlocks(
    ...call: [...shape: BlockShape, weight: number, ...sections: TwoSections, sum: Float64Array]
  ): string | null;
  selectLargest(variant: string, k: number, x: Float32Array, out: Uint32Array): number;
  selectChunks(
    ...call: [variant: string, log2: number, keep: number, x: Float32Array, out: Uint32Array]
  ): number;
  /** Factors are columns after one another: P = M Q, or Q = transpose of M times P. */
  product(
    ...call: [
      variant: string,
      isTransposed: 0 | 1,
      rows: number,
      columns: number,
      rank: number,
      matrix: Float32Array,
      factor: Float32Array,
      out: Float32Array,
    ]
  ): void;
}

type BlockShape = [variant: string, blockLog2: number, bits: number];
type TwoSections = [scales: Uint8Array, values: Uint8Array];

/** Blocks of a message, as they stand in it. */
export interface NativeBlocks {
  readonly blockLog2: number;
  readonly bits: number;
  readonly scales: Uint8Array;
  readonly values: Uint8Array;
}

export type NativeVector = Int32Array | NativeBlocks;

/** `elements` is the length of every vector; arguments are checked as those of the codecs are. */
export interface NativeRounds {
  /** 32 bytes per leaf of each content. */
  hashLeaves(
    threads: number,
    contents: readonly Uint8Array[],
    digests: readonly Uint8Array[],
  ): void;
  /** Of each vector the reason why its blocks are none, or null. The others trust their blocks. */
  checkBlocks(...call: Basis): (string | null)[];
  gram(...call: [...Basis, sums: BigUint64Array]): void;
  /** The row's shares over the vectors; what is missing to the total is zero's. */
  mix(...call: [...Basis, total: number, row: Float64Array, out: Int32Array]): void;
  /** Rows one after another; `pick` 0: median, 1: without `parameter` at each end, 2: closest. */
  sort(
    ...call: [
      ...basis: Basis,
      total: number,
      rows: Float64Array,
      pick: 0 | 1 | 2,
      parameter: number,
      out: Int32Array,
    ]
  ): void;
  /** Settings: rate, decay, beta1, beta2, tau, in the plan's units. */
  step(
    ...call: [
      variant: string,
      threads: number,
      kind: number,
      settings: Float64Array,
      state: Int32Array,
      aggregate: Int32Array,
      out: Int32Array,
    ]
  ): void;
}

type Basis = [variant: string, threads: number, elements: number, vectors: readonly NativeVector[]];

/** Backend name, kernel number, extents, inputs, outputs: see src/native/backend.h. */
export type NativeCall = [
  backend: string,
  kernel: number,
  extents: readonly number[],
  inputs: readonly Uint8Array[],
  outputs: readonly Uint8Array[],
];

export interface AddonFailure {
  readonly file: string;
  readonly reason: string;
  readonly remedy: string;
}

const INTERFACE_VERSION = 4;
const PROBE_TIMEOUT_MS = 10_000;
/** A checkout has a script for it, an installed package the compiled builder. */
const BUILD_COMMAND = import.meta.url.endsWith('.ts')
  ? 'npm run build:native'
  : `node ${fileURLToPath(new URL('../../scripts/build-native.js', import.meta.url))}`;
const BUILD_REMEDY = `install g++ and make, then run: ${BUILD_COMMAND}`;

/** Where scripts/build-native.ts puts it, seen from the sources and from dist/. */
const LOCAL_BUILD = fileURLToPath(
  new URL(
    import.meta.url.endsWith('.ts') ? '../../build/kadre.node' : '../../../build/kadre.node',
    import.meta.url,
  ),
);

export interface AddonSearch {
  /** Files to try in order; default: the local build. */
  readonly files?: readonly string[];
}

/** The first addon that loads; ADDON_LOAD_FAILED with `data.tried` when none does. */
export async function loadAddon(search: AddonSearch = {}): Promise<Addon> {
  const tried: AddonFailure[] = [];
  for (const file of search.files ?? [LOCAL_BUILD]) {
    const loaded = await tryFile(file);
    if ('addon' in loaded) return loaded.addon;
    tried.push({ file, ...loaded });
  }
  const list = tried.map(({ file, reason, remedy }) => `${file}: ${reason} (${remedy})`).join('; ');
  throw new KadreError({ code: 'ADDON_LOAD_FAILED', data: { tried } }, `no native addon: ${list}`);
}

type Loaded = { readonly addon: Addon } | Omit<AddonFailure, 'file'>;

async function tryFile(file: string): Promise<Loaded> {
  const content = await readFile(file).catch(() => undefined);
  if (content === undefined) return { reason: 'no such file', remedy: BUILD_REMEDY };
  const problem = await probe(file, content);
  if (problem !== undefined) return { reason: problem, remedy: `remove the file; ${BUILD_REMEDY}` };
  try {
    const addon = createRequire(import.meta.url)(file) as Addon;
    if (addon.interfaceVersion === INTERFACE_VERSION) return { addon };
    return { reason: `has interface ${addon.interfaceVersion}`, remedy: BUILD_REMEDY };
  } catch (cause) {
    return { reason: messageOf(cause), remedy: BUILD_REMEDY };
  }
}

/** Loads the file in a child once per content; undefined when that went well. */
async function probe(file: string, content: Uint8Array): Promise<string | undefined> {
  const runtime = `${process.version} ${process.arch}`;
  const hash = toHex(sha256(concatBytes([utf8(runtime), content])));
  const stamp = join(dirname(file), `kadre.probe-${hash.slice(0, 16)}`);
  if ((await readFile(stamp, 'utf8').catch(() => '')) === hash) return undefined;
  try {
    const script = 'require(process.argv[1]).backends()';
    await promisify(execFile)(process.execPath, ['-e', script, file], {
      timeout: PROBE_TIMEOUT_MS,
      env: { ...process.env, NODE_OPTIONS: '' },
    });
  } catch (cause) {
    const { signal } = cause as { signal?: string | null };
    return signal ? `ended a test process with ${signal}` : lastLine(messageOf(cause));
  }
  await remember(stamp, hash);
  return undefined;
}

/** A read-only installation is no problem: it is probed again next time. */
async function remember(stamp: string, hash: string): Promise<void> {
  const draft = `${stamp}.${process.pid}`;
  await mkdir(dirname(stamp), { recursive: true })
    .then(() => writeFile(draft, hash))
    .then(() => rename(draft, stamp))
    .catch(() => undefined);
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** Of a child's stack trace, the line that names the error. */
function lastLine(message: string): string {
  const lines = message.split('\n');
  return lines.find((line) => /^\w*Error/.test(line)) ?? lines[0] ?? message;
}
