import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Lifecycle, type Service } from '../../../src/base/lifecycle.ts';

function recorder(log: string[], name: string, overrides: Partial<Service> = {}): Service {
  return {
    name,
    start: async () => void log.push(`start ${name}`),
    stop: async () => void log.push(`stop ${name}`),
    ...overrides,
  };
}

describe('Lifecycle', () => {
  test('starts in order, stops in reverse, each once', async () => {
    const log: string[] = [];
    const services = [recorder(log, 'a'), { name: 'silent' }, recorder(log, 'b')];
    const life = new Lifecycle(services, { stopTimeoutMs: 1_000 });
    assert.deepEqual(log, [], 'the constructor starts nothing');
    await Promise.all([life.start(), life.start()]);
    const [first, second] = await Promise.all([life.stop(), life.stop()]);
    assert.deepEqual(log, ['start a', 'start b', 'stop b', 'stop a']);
    assert.deepEqual([first, second], [[], []]);
  });

  test('a failed start stops what was started, the failed one included, and rethrows', async () => {
    const log: string[] = [];
    const broken = recorder(log, 'b', { start: () => Promise.reject(new Error('no port')) });
    const life = new Lifecycle([recorder(log, 'a'), broken, recorder(log, 'c')], {
      stopTimeoutMs: 1_000,
    });
    await assert.rejects(life.start(), { message: 'no port' });
    assert.deepEqual(log, ['start a', 'stop b', 'stop a']);
  });

  test('a stop that fails or hangs is reported and does not keep the others', async () => {
    const log: string[] = [];
    const services = [
      recorder(log, 'a'),
      recorder(log, 'failing', { stop: () => Promise.reject(new Error('busy')) }),
      recorder(log, 'hanging', { stop: () => new Promise<void>(() => undefined) }),
    ];
    const life = new Lifecycle(services, { stopTimeoutMs: 5 });
    await life.start();
    const failures = await life.stop();
    assert.deepEqual(
      failures.map((failure) => failure.name),
      ['hanging', 'failing'],
    );
    assert.equal(log.at(-1), 'stop a');
  });
});
