import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { chooseEvictions } from '../../src/store/eviction.ts';

const NOW_MS = 1_000;
const holding = fc.record({
  key: fc.nat(),
  bytes: fc.integer({ min: 1, max: 100 }),
  keptUntilMs: fc.constantFrom(0, NOW_MS, NOW_MS + 1),
  usedMs: fc.nat(NOW_MS),
  isPinned: fc.boolean(),
});
const holdings = fc.uniqueArray(holding, { selector: ({ key }) => key, maxLength: 30 });

describe('evictions', () => {
  it('free enough, never what is pinned or kept, least recently used first, none in vain', () => {
    fc.assert(
      fc.property(holdings, fc.nat(2_000), (held, bytes) => {
        const chosen = chooseEvictions(held, bytes, NOW_MS);
        const free = held.filter((one) => !one.isPinned && one.keptUntilMs <= NOW_MS);
        const freeBytes = free.reduce((sum, one) => sum + one.bytes, 0);
        if (chosen === undefined) return assert.ok(freeBytes < bytes);
        const gone = chosen.map((key) => free.find((one) => one.key === key)!);
        assert.ok(gone.every((one) => one !== undefined));
        const freed = gone.reduce((sum, one) => sum + one.bytes, 0);
        assert.ok(freed >= bytes);
        assert.ok(freed - (gone.at(-1)?.bytes ?? 0) < Math.max(bytes, 1), 'not one too many');
        const youngest = Math.max(0, ...gone.map((one) => one.usedMs));
        const stays = free.filter((one) => !chosen.includes(one.key));
        assert.ok(stays.every((one) => one.usedMs >= youngest));
      }),
    );
  });
});
