/**
 * The addon's loops as the kernels of a federated round: messages are hashed and judged where they
 * lie, dense blocks are aggregated without being unpacked, and the work is shared among threads.
 * Every call returns when it is done.
 */
import { accept, type Refusal, refuse } from '../base/verdict.ts';
import { blobRootOf, leafHashBytes } from '../blob/tree.ts';
import type { PackedBlocks } from '../federated/codec/codec.ts';
import { toDense } from '../federated/fixed-point.ts';
import { type Optimiser, unitsOfOptimiser } from '../federated/optimiser/optimiser.ts';
import type { RoundKernels } from '../federated/round/round-kernels.ts';
import type { Decision } from '../federated/rule/decide.ts';
import { type Basis, gramBlockCount, gramPairCount } from '../federated/rule/gram.ts';
import type { Addon, NativeVector } from './addon.ts';
import { isNativeCoding, nativeCodecs } from './native-codecs.ts';

export interface NativeRoundsInit {
  /** Default: the best that works here. */
  readonly variant?: string;
  readonly threads: number;
}

export function nativeRounds(addon: Addon, init: NativeRoundsInit): RoundKernels<NativeVector> {
  const { rounds } = addon;
  const { threads, variant = addon.codecs.variants()[0]! } = init;
  const native = (basis: Basis<NativeVector>) =>
    [variant, threads, basis.reference.length, [basis.reference, ...basis.updates]] as const;
  return {
    codecs: nativeCodecs(addon, variant),
    blobRoots(contents) {
      const leaves = contents.map(({ length }) => new Uint8Array(leafHashBytes(length)));
      rounds.hashLeaves(threads, contents, leaves);
      return leaves.map((hashes, i) => blobRootOf(hashes, contents[i]!.length));
    },
    openUpdates(containers, codec, context) {
      const vectors: NativeVector[] = [];
      let stop: Refusal | undefined;
      for (const container of containers) {
        const opened = open(container);
        if ('ok' in opened) {
          stop = opened;
          break;
        }
        vectors.push(opened);
      }
      const { elements } = context.schema;
      const problems =
        vectors.length === 0 ? [] : rounds.checkBlocks(variant, threads, elements, vectors);
      const first = problems.find((problem) => problem !== null);
      if (first !== undefined) return refuse(first!);
      return stop ?? accept(vectors);

      function open(container: Uint8Array): NativeVector | Refusal {
        const packed = codec.blocks?.(container, context);
        if (packed !== undefined && !packed.ok) return packed;
        if (packed !== undefined && isNativeCoding(packed.value.coding)) {
          return nativeBlocks(packed.value);
        }
        const decoded = codec.decode(container, context);
        return decoded.ok ? toDense(decoded.value) : decoded;
      }
    },
    gramBlocks(basis) {
      const pairs = gramPairCount(basis.updates.length);
      const sums = new BigUint64Array(gramBlockCount(basis.reference.length) * pairs * 2);
      rounds.gram(...native(basis), sums);
      return sums;
    },
    applyDecision(decision, basis) {
      const out = new Int32Array(basis.reference.length);
      const { total } = decision;
      if (decision.kind === 'mix') {
        rounds.mix(...native(basis), total, sharesOf([decision.row]), out);
      } else {
        const [pick, parameter] = pickOf(decision.pick);
        rounds.sort(...native(basis), total, sharesOf(decision.rows), pick, parameter, out);
      }
      return out;
    },
    advanceState({ optimiser, state, aggregate, fractionBits }) {
      const out = new Int32Array(state.length);
      const settings = settingsOf(optimiser, fractionBits);
      const kind = KINDS.indexOf(optimiser.name);
      rounds.step(variant, threads, kind, settings, state, aggregate, out);
      return out;
    },
  };
}

/** enum kadre_optimiser. */
const KINDS: readonly Optimiser['name'][] = ['fedavg', 'nesterov', 'fedadam', 'fedyogi'];

function settingsOf(optimiser: Optimiser, fractionBits: number): Float64Array {
  const units = unitsOfOptimiser(optimiser, fractionBits);
  const decay = units.name === 'nesterov' ? units.decay : 0;
  const { beta1, beta2, tau } = 'tau' in units ? units : { beta1: 0, beta2: 0, tau: 0 };
  return Float64Array.of(units.rate, decay, beta1, beta2, tau);
}

function nativeBlocks({ sections, coding }: PackedBlocks): NativeVector {
  const { scales, values } = sections;
  return { blockLog2: coding.blockLog2, bits: coding.levels.bits, scales, values };
}

/** Without the zero vector's: it adds nothing. */
function sharesOf(rows: readonly (readonly number[])[]): Float64Array {
  return Float64Array.from(rows.flatMap(([_, ...shares]) => shares));
}

function pickOf(pick: Extract<Decision, { kind: 'sort' }>['pick']): [0 | 1 | 2, number] {
  switch (pick.name) {
    case 'median':
      return [0, 0];
    case 'trim':
      return [1, pick.faulty];
    case 'closest':
      return [2, pick.keep];
  }
}
