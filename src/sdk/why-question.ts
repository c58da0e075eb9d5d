/** What `job.why(options)` asks, checked before anybody is asked. */
import { KadreError } from '../base/errors.ts';
import type { LedgerQuestion } from '../job/ledger/page-ledger.ts';
import type { WhyOptions } from './types.ts';

const ROWS_DEFAULT = 16;
const ROWS_MAX = 64;

/** Errors: USAGE. */
export function whyQuestion(options: WhyOptions, shards: number): LedgerQuestion {
  const { shard, first = 0, count = ROWS_DEFAULT } = options;
  check('shard', shard ?? 0, 0, shards - 1);
  check('first', first, 0, shards - 1);
  check('count', count, 1, ROWS_MAX);
  return shard === undefined
    ? { first, count, open: true }
    : { first: shard, count: 1, open: false };
}

function check(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new KadreError({ code: 'USAGE' }, `\`${name}\` must be ${min} to ${max}, not ${value}`);
}
