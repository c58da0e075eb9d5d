import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { BoundedQueue } from '../../../src/base/bounded-queue.ts';

describe('BoundedQueue', () => {
  test('rejects at its bound with OVERLOADED and keeps what it had', () => {
    const queue = new BoundedQueue<number>({ max: 2, overflow: 'reject' });
    queue.push(1);
    queue.push(2);
    assert.throws(() => queue.push(3), { name: 'KadreError', code: 'OVERLOADED' });
    assert.deepEqual([queue.shift(), queue.shift(), queue.shift()], [1, 2, undefined]);
    assert.equal(queue.dropped, 0);
  });

  test('drops the oldest at its bound and counts it', () => {
    const queue = new BoundedQueue<number>({ max: 2, overflow: 'drop-oldest' });
    for (const item of [1, 2, 3, 4]) queue.push(item);
    assert.equal(queue.dropped, 2);
    assert.deepEqual([queue.shift(), queue.shift(), queue.shift()], [3, 4, undefined]);
  });

  test('behaves like a list with a bound, through any number of pushes and shifts', () => {
    const operations = fc.array(fc.constantFrom('push', 'push', 'shift', 'clear'), {
      maxLength: 600,
    });
    fc.assert(
      fc.property(operations, fc.integer({ min: 1, max: 200 }), (steps, max) => {
        const queue = new BoundedQueue<number>({ max, overflow: 'drop-oldest' });
        let model: number[] = [];
        steps.forEach((step, index) => {
          if (step === 'push') {
            queue.push(index);
            model.push(index);
            model = model.slice(-max);
          } else if (step === 'shift') assert.equal(queue.shift(), model.shift());
          else {
            queue.clear();
            model = [];
          }
          assert.equal(queue.size, model.length);
        });
      }),
      { numRuns: 100 },
    );
  });
});
