/** Error feedback: nothing is lost, what is held back arrives, and each form's own rule. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { codecOf, parseCodec } from '../../../src/federated/codec/codec-spec.ts';
import { compress, type FeedbackMemory, freshMemory } from '../../../src/federated/feedback.ts';
import { toDense } from '../../../src/federated/fixed-point.ts';
import { bellValues, contextOf, SMALL_SCHEMA } from '../../support/updates.ts';

const D = SMALL_SCHEMA.elements;
const UNIT = 2 ** -24;

const norm = (x: ArrayLike<number>) => Math.hypot(...Array.from(x));
const less = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a, (value, i) => value - b[i]!);

interface Run {
  /** Everything that the receiver read, added up. */
  readonly sent: Float64Array;
  readonly memory: FeedbackMemory;
}

/** `rounds` rounds of the same gradient. */
function run(text: string, gradient: Float32Array, rounds: number): Run {
  const spec = parseCodec(text);
  let memory = freshMemory(spec, D);
  const sent = new Float64Array(D);
  let previous: Uint8Array | undefined;
  for (let round = 0; round < rounds; round++) {
    const context = {
      ...contextOf(SMALL_SCHEMA, round),
      ...(previous === undefined ? {} : { previous }),
    };
    const message = compress(gradient, memory, { spec, codec: codecOf(spec), context });
    for (const [i, value] of toDense(message.sent).entries()) sent[i]! += value * UNIT;
    memory = message.memory;
    previous = message.bytes;
  }
  return { sent, memory };
}

const EF14 = ['q2', 'q4:levels=lloyd', 'sign', 'topk:keep=2%', 'chunk:size=64,keep=2', 'powersgd'];

describe('EF14', () => {
  for (const text of [...EF14, 'dct:keep=100,feedback=ef14', 'randk:feedback=ef14']) {
    test(`${text}: what arrived plus the residual is all there was, and its share shrinks`, () => {
      const gradient = bellValues(D);
      const rounds = [60, 240].map((count) => {
        const { sent, memory } = run(text, gradient, count);
        assert.ok(memory.form === 'ef14');
        const total = gradient.map((g) => g * count);
        const gap = norm(less(less(total, sent), memory.residual));
        assert.ok(gap < 1e-4 * norm(total), `${gap}`);
        return norm(memory.residual);
      });
      // Per round four times as many rounds leave far less behind: the mean arrives.
      assert.ok(rounds[1]! / 240 < (0.6 * rounds[0]!) / 60, `${rounds}`);
    });
  }

  test('without it the same codec never sends the small ones', () => {
    const gradient = bellValues(D);
    const { sent } = run('topk:keep=2%,feedback=none', gradient, 240);
    assert.ok(sent.filter((value) => value === 0).length > 0.97 * D);
  });
});

describe('EF21', () => {
  for (const text of [
    'q4:feedback=ef21',
    'topk:keep=10%,feedback=ef21',
    'dct:keep=200,values=8,feedback=ef21',
  ]) {
    test(`${text}: both sides hold one estimate, and it reaches the gradient`, () => {
      const gradient = bellValues(D);
      const { sent, memory } = run(text, gradient, 150);
      assert.ok(memory.form === 'ef21');
      assert.deepEqual(
        [...memory.estimate],
        [...sent].map((value) => value / UNIT),
      );
      assert.ok(norm(less(sent, gradient)) < 0.01 * norm(gradient));
    });
  }

  test('an estimate that would leave the range is refused', () => {
    const spec = parseCodec('topk:feedback=ef21');
    const memory: FeedbackMemory = {
      form: 'ef21',
      estimate: new Int32Array(D).fill(-(2 ** 31) + 1),
    };
    const init = { spec, codec: codecOf(spec), context: contextOf(SMALL_SCHEMA) };
    // Asks for far below the range: the difference saturates, its sum with the estimate cannot.
    const gradient = new Float32Array(D).fill(-1e6);
    assert.throws(() => compress(gradient, memory, init), { code: 'BAD_UPDATE' });
  });
});

test('momentum: what was sent is taken from it, and nothing else', () => {
  const gradient = bellValues(D);
  for (const text of ['dct:momentum=0.9', 'chunk:size=64,keep=2,feedback=momentum']) {
    const first = run(text, gradient, 1);
    assert.ok(first.memory.form === 'momentum');
    assert.ok(norm(less(less(gradient, first.sent), first.memory.momentum)) < 1e-6);
    const second = run(text, gradient, 2);
    assert.ok(second.memory.form === 'momentum');
    const expected = first.memory.momentum.map((m, i) => 0.9 * m + gradient[i]!);
    const sentSecond = less(second.sent, first.sent);
    assert.ok(norm(less(less(expected, sentSecond), second.memory.momentum)) < 1e-6);
  }
});

describe('DGC', () => {
  test('clips, and forgets the momentum of what was sent', () => {
    const gradient = bellValues(D, 2, 10);
    const { sent, memory } = run('dgc:keep=50,warmup=0,clip=1,values=8', gradient, 1);
    assert.ok(memory.form === 'dgc');
    const clipped = gradient.map((g) => g / norm(gradient));
    let masked = 0;
    for (let i = 0; i < D; i++) {
      if (sent[i] === 0) {
        assert.ok(Math.abs(memory.velocity[i]! - clipped[i]!) < 1e-6);
        assert.equal(memory.pending[i], memory.velocity[i]);
      } else {
        masked += 1;
        assert.equal(memory.velocity[i], 0);
        assert.ok(Math.abs(memory.pending[i]! + sent[i]! - clipped[i]!) < 1e-6);
      }
    }
    assert.equal(masked, 50);
  });

  test('without momentum and clipping, everything arrives or is pending', () => {
    const gradient = bellValues(D);
    const { sent, memory } = run('dgc:momentum=0,clip=1000000,keep=2%', gradient, 100);
    assert.ok(memory.form === 'dgc');
    const total = gradient.map((g) => 100 * g);
    assert.ok(norm(less(less(total, sent), memory.pending)) < 1e-4 * norm(total));
  });
});

test('inputs are left as they were', () => {
  const gradient = bellValues(D);
  for (const text of ['q2', 'topk:feedback=ef21', 'dct', 'dgc', 'vote']) {
    const spec = parseCodec(text);
    const memory = freshMemory(spec, D);
    const before = structuredClone(memory);
    const init = { spec, codec: codecOf(spec), context: contextOf(SMALL_SCHEMA) };
    compress(gradient, memory, init);
    assert.deepEqual(memory, before);
    assert.deepEqual(gradient, bellValues(D));
  }
});
