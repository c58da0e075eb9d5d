/**
 * A job id as people type it: all 64 hex digits, or the first of them, at least 8, when only one
 * job begins so.
 */
import { KadreError } from '../base/errors.ts';

const PREFIX = /^[0-9a-f]{8,64}$/;

/** What was typed, if it can begin a job id. Errors: USAGE. */
export function jobIdPrefix(given: string): string {
  const text = given.toLowerCase();
  if (PREFIX.test(text)) return text;
  const advice = 'give at least the first 8 digits; `kadre list` shows the ids';
  throw new KadreError({ code: 'USAGE', advice }, `\`${given.slice(0, 72)}\` is no job id`);
}

/** The one id that is meant. Errors: USAGE, JOB_UNKNOWN, JOB_AMBIGUOUS. */
export function matchJobId(given: string, ids: Iterable<string>): string {
  const text = jobIdPrefix(given);
  const found = [...new Set(ids)].filter((id) => id.startsWith(text));
  if (found.length === 1) return found[0]!;
  if (found.length === 0) throw new KadreError({ code: 'JOB_UNKNOWN' }, `no job ${text} here`);
  const message = `${found.length} jobs begin with ${text}`;
  throw new KadreError({ code: 'JOB_AMBIGUOUS' }, message);
}
