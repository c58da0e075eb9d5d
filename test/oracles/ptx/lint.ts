/**
 * Which instructions device code may consist of (docs/protocol/numeric-contract.md, "Evidence"): a
 * list of what is allowed, so that whatever a new compiler thinks of is refused until somebody has
 * read its meaning. Float arithmetic must name its rounding; nothing is approximate, flushed,
 * atomic or passed between lanes.
 */
import { parsePtx } from './parse.ts';

const INTEGER = '(?:[us](?:16|32|64))';
const ALLOWED: readonly RegExp[] = [
  /^(?:fma|add|sub|mul|div|sqrt)\.rn\.f32$/,
  /^(?:add|sub|mul|div)\.rn\.f64$/,
  /^neg\.(?:f32|s32|s64)$/,
  /^setp\.(?:eq|ne|lt|le|gt|ge|num|nan)\.f32$/,
  /^setp\.gtu\.f64$/,
  new RegExp(`^(?:add|sub|div|rem|min|max)\\.${INTEGER}$`),
  new RegExp(`^(?:mul|mad)\\.(?:lo|hi|wide)\\.${INTEGER}$`),
  new RegExp(`^setp\\.(?:eq|ne|lt|le|gt|ge)\\.${INTEGER}$`),
  /^(?:and|or|xor|not)\.(?:pred|b16|b32|b64)$/,
  /^shl\.b(?:16|32|64)$/,
  new RegExp(`^shr\\.(?:${INTEGER}|b(?:16|32|64))$`),
  /^selp\.(?:b16|b32|b64|f32|[us]32|[us]64)$/,
  /^mov\.(?:b16|b32|b64|f32|f64|u32|u64|pred)$/,
  // Between integers, or exact: another float conversion rounds, and would have to say how.
  /^cvt\.rn\.f64\.u32$/,
  new RegExp(`^cvt\\.${INTEGER}\\.${INTEGER}$`),
  /^cvta\.to\.global\.u64$/,
  /^ld\.param\.(?:u32|u64|f64)$/,
  /^(?:ld|st)\.(?:global|shared)(?:\.v4)?\.f32$/,
  /^st\.global\.u32$/,
  /^bar\.sync$/,
  /^bra(?:\.uni)?$/,
  /^ret$/,
];

/** One line per instruction that is not allowed; throws on text that is no PTX of ours. */
export function lintPtx(text: string): string[] {
  const findings: string[] = [];
  for (const { name: entry, body } of parsePtx(text).entries.values()) {
    for (const { name, modifiers, text: line } of body) {
      const key = [name, ...modifiers].join('.');
      if (!ALLOWED.some((pattern) => pattern.test(key))) findings.push(`${entry}: ${line}`);
    }
  }
  return findings;
}
