/**
 * What the fuzzer knows of a decoder, and what it demands of every decoder for every input: it
 * never throws outside its contract, its work and memory stay within a bound, what it accepts as
 * canonical encodes to the same bytes again, and nothing that only a key can make is accepted
 * without one.
 */
import { getHeapStatistics } from 'node:v8';
import { equalBytes } from '../../../src/base/bytes.ts';
import type { ErrorCode } from '../../../src/base/error-codes.ts';
import { KadreError } from '../../../src/base/errors.ts';
import type { Checked } from '../../../src/base/verdict.ts';
import { Dice } from './dice.ts';
import { type Form, hostileInput } from './mutate.ts';

/** What became of an input. */
export type Outcome = 'refused' | Accepted;

export interface Accepted {
  /** The value's only spelling, where it has one: must be the input. */
  readonly again?: Uint8Array;
  /** What somebody signed or hashed of it: must be what one of the seeds says too. */
  readonly signed?: Uint8Array;
}

export interface Decoder {
  /** Names as `findDecoders` gives them; the first names the entry. */
  readonly covers: readonly [string, ...string[]];
  readonly form: Form;
  /** Good inputs to start from. */
  readonly seeds: readonly Uint8Array[];
  readonly decode: (input: Uint8Array) => Outcome | Promise<Outcome>;
  /** Errors that it may throw; default: none. */
  readonly throws?: readonly ErrorCode[];
  /** Inputs of a run for each that others get; below 1 for what signs, hashes or writes files. */
  readonly share?: number;
  /** Processor time for one input; default: a hundred times what the slowest good one takes. */
  readonly cpuMicrosMax?: number;
}

/** For decoders that give a `Checked`. */
export function outcomeOf<T>(
  checked: Checked<T>,
  describe: (value: T) => Accepted = () => ({}),
): Outcome {
  return checked.ok ? describe(checked.value) : 'refused';
}

const CPU_MICROS_MAX = 2_000_000;

/** Allocations while an input is decoded: a decoder may copy and describe it, not multiply it. */
function memoryBytesMax(inputBytes: number): number {
  return 8 * 1024 * 1024 + 256 * inputBytes;
}

export interface Finding {
  readonly decoder: string;
  readonly problem: string;
  readonly input: Uint8Array;
}

export interface FuzzRun {
  readonly inputs: number;
  readonly accepted: number;
  readonly findings: readonly Finding[];
}

const FINDINGS_MAX = 3;

/** The same decoder, seed and count give the same inputs. The seeds themselves come first. */
export async function fuzzDecoder(decoder: Decoder, count: number, seed: number): Promise<FuzzRun> {
  const dice = new Dice(seed);
  const findings: Finding[] = [];
  let accepted = 0;
  let inputs = 0;
  for (; inputs < count && findings.length < FINDINGS_MAX; inputs++) {
    const input = decoder.seeds[inputs] ?? hostileInput(dice, decoder.form, decoder.seeds);
    const { outcome, problem } = await judge(decoder, input);
    if (outcome !== undefined && outcome !== 'refused') accepted += 1;
    if (problem !== undefined) findings.push({ decoder: decoder.covers[0], problem, input });
  }
  return { inputs, accepted, findings };
}

interface Judged {
  readonly outcome?: Outcome;
  readonly problem?: string;
}

async function judge(decoder: Decoder, input: Uint8Array): Promise<Judged> {
  // The decoder gets a copy: that it leaves its input alone is part of what is checked.
  const given = input.slice();
  const heldBefore = heldBytes();
  const cpuBefore = process.cpuUsage();
  const outcome = await attempt(decoder, given);
  if (typeof outcome === 'object' && 'problem' in outcome) return outcome;
  const cpu = process.cpuUsage(cpuBefore);
  const held = heldBytes() - heldBefore;
  const heldMax = memoryBytesMax(input.length);
  if (cpu.user + cpu.system > (decoder.cpuMicrosMax ?? CPU_MICROS_MAX)) {
    return { outcome, problem: `took ${cpu.user + cpu.system} µs for ${input.length} bytes` };
  }
  if (held > heldMax && (await holdsAgain(decoder, input))) {
    return { outcome, problem: `held ${held} bytes for ${input.length}, at most ${heldMax}` };
  }
  if (!equalBytes(given, input)) return { outcome, problem: 'changed its input' };
  return { outcome, ...(await disagreement(decoder, input, outcome)) };
}

async function attempt(
  decoder: Decoder,
  given: Uint8Array,
): Promise<Outcome | { readonly problem: string }> {
  try {
    return await decoder.decode(given);
  } catch (cause) {
    if (cause instanceof KadreError && decoder.throws?.includes(cause.code)) return 'refused';
    return { problem: `threw ${cause instanceof Error ? cause.stack : cause}` };
  }
}

const HEAP_TRIES = 2;

/** The engine's own work falls into some measurement now and then; a decoder's into every one. */
async function holdsAgain(decoder: Decoder, input: Uint8Array): Promise<boolean> {
  for (let i = 0; i < HEAP_TRIES; i++) {
    const before = heldBytes();
    await attempt(decoder, input.slice());
    if (heldBytes() - before <= memoryBytesMax(input.length)) return false;
  }
  return true;
}

async function disagreement(
  decoder: Decoder,
  input: Uint8Array,
  outcome: Outcome,
): Promise<Judged> {
  if (outcome === 'refused') return {};
  const { again, signed } = outcome;
  if (again !== undefined && !equalBytes(again, input)) {
    return { problem: 'accepted two spellings of one value' };
  }
  if (signed === undefined) return {};
  for (const seed of decoder.seeds) {
    const said = await decoder.decode(seed);
    if (said !== 'refused' && said.signed !== undefined && equalBytes(said.signed, signed))
      return {};
  }
  return { problem: 'accepted what nobody signed' };
}

/** Collected garbage lowers it: a bound on it misses some allocations. */
function heldBytes(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}
