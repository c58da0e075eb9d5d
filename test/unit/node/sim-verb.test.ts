import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInProcess } from '../../support/cli-world.ts';
import { schemaOf, schemaProblems } from '../../support/json-schema.ts';

test('sim prints one line per seed, with the same trace every time', async () => {
  const argv = ['sim', '--scenario', 'calm', '--seed', '5', '--seeds', '2', '--json'];
  const ran = await runInProcess(argv);
  assert.equal(ran.status, 0, ran.stdout + ran.stderr);
  const lines = ran.stdout.trimEnd().split('\n');
  const reports = lines.map((line) => JSON.parse(line) as { seed: number; trace: string });
  for (const report of reports) assert.deepEqual(schemaProblems(schemaOf('sim'), report), []);
  assert.deepEqual(
    reports.map(({ seed }) => seed),
    [5, 6],
  );
  const again = await runInProcess(['sim', '--scenario', 'calm', '--seed', '6']);
  assert.match(again.stdout, new RegExp(`^seed 6: trace ${reports[1]!.trace}`));
});

test('sim refuses what no world can be made of', async () => {
  for (const wrong of [
    ['--nodes', '7'],
    ['--scenario', 'storm'],
    ['--seed', '-1'],
  ]) {
    assert.equal((await runInProcess(['sim', ...wrong])).status, 2, wrong.join(' '));
  }
});
