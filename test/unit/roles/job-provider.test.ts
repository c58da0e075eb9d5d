import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../../../src/base/bytes.ts';
import { JOBS_PROVIDED_MAX, JobProvider } from '../../../src/roles/job-provider.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';
import { digestOf } from '../../support/job-factory.ts';
import { silentLogger } from '../../support/real-ports.ts';

const jobOf = (id: number) => ({ jobId: digestOf(id), computationId: digestOf(id, 1) });
const classOf = (id: number) => `job/${toHex(digestOf(id))}`;

function providing() {
  const clock = new VirtualClock();
  const provided: string[] = [];
  const withdrawn: string[] = [];
  const state = { isDown: false };
  const directory = {
    announce: async () => {},
    find: async function* () {},
    provide: async (name: string) => {
      if (state.isDown) throw new Error('nobody took it');
      provided.push(name);
    },
    withdraw: (name: string) => void withdrawn.push(name),
  };
  const provider = new JobProvider({ directory, clock, log: silentLogger });
  return { clock, provider, provided, withdrawn, state };
}

test('a detached job is announced at once, by its own id and by what it computes', async () => {
  const { clock, provider, provided } = providing();
  provider.add(jobOf(1), 'now');
  provider.add(jobOf(1), 'now');
  await clock.advance(0);
  assert.deepEqual(provided, [classOf(1), `computation/${toHex(digestOf(1, 1))}`]);
});

test('others wait for a quiet moment, however long jobs keep coming', async () => {
  const { clock, provider, provided } = providing();
  for (let id = 0; id < 10; id++) {
    provider.add(jobOf(id), 'later');
    await clock.advance(4_000);
  }
  assert.deepEqual(provided, []);
  await clock.advance(1_000);
  assert.equal(provided.length, 20);
});

test('the oldest give way, and what is removed is withdrawn', async () => {
  const { clock, provider, provided, withdrawn } = providing();
  for (let id = 0; id <= JOBS_PROVIDED_MAX; id++) provider.add(jobOf(id), 'later');
  assert.equal(withdrawn[0], classOf(0));
  provider.remove(jobOf(1).jobId);
  provider.remove(jobOf(1).jobId);
  assert.equal(withdrawn.length, 4);
  await clock.advance(5_000);
  assert.equal(provided.length, 2 * (JOBS_PROVIDED_MAX - 1));
});

test('a directory that fails costs the announcement, and a stopped provider is silent', async () => {
  const { clock, provider, provided, state } = providing();
  state.isDown = true;
  provider.add(jobOf(1), 'now');
  await clock.advance(0);
  state.isDown = false;
  provider.add(jobOf(2), 'later');
  provider.stop();
  provider.add(jobOf(3), 'now');
  await clock.advance(60_000);
  assert.deepEqual([provided, clock.pending], [[], 0]);
});
