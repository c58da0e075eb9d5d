import assert from 'node:assert/strict';
import { test } from 'node:test';
import { standsFor, type WantedWork } from '../../../src/job/reuse.ts';
import { computationIdOf, type JobSpec } from '../../../src/job/spec.ts';

const filled = (value: number, bytes = 32) => new Uint8Array(bytes).fill(value);
const POLICY = { replicas: 3, quorum: 2, cadre: 4, deadlineMs: 0, sealMs: 1, revealMs: 1 };

const SPEC: JobSpec = {
  v: 1,
  kernel: 'noop@1',
  kernelDigest: filled(1),
  parameters: { items: 4 },
  inputs: [{ name: 'a', dtype: '<f4', shape: [2], root: filled(2) }],
  shards: 4,
  policy: POLICY,
  network: 'local',
  nonce: filled(3, 16),
  requester: filled(4, 38),
};

const WANTED: WantedWork = {
  computationId: computationIdOf(SPEC),
  kernelDigest: SPEC.kernelDigest,
  shards: undefined,
  policy: POLICY,
  requires: undefined,
  network: 'local',
};

test('the same computation by as many workers and seats stands for it', () => {
  assert.equal(standsFor(SPEC, WANTED), true);
  assert.equal(standsFor(SPEC, { ...WANTED, shards: 4 }), true);
  const stronger = { ...SPEC, policy: { ...POLICY, replicas: 5, quorum: 3, cadre: 7 } };
  assert.equal(standsFor(stronger, WANTED), true);
  const [spec, wanted] = [{ ...SPEC, nonce: filled(9, 16) }, WANTED];
  assert.equal(standsFor(spec, wanted), true, 'a nonce says nothing about the values');
});

test('anything else does not', () => {
  const weaker = (change: Partial<typeof POLICY>) => ({
    ...SPEC,
    policy: { ...POLICY, ...change },
  });
  const [input] = SPEC.inputs;
  const others: readonly [string, JobSpec, Partial<WantedWork>][] = [
    ['replicas', weaker({ replicas: 2 }), {}],
    ['quorum', weaker({ quorum: 1 }), {}],
    ['cadre', weaker({ cadre: 1 }), {}],
    ['shards', SPEC, { shards: 5 }],
    ['parameters', { ...SPEC, parameters: { items: 5 } }, {}],
    ['input bytes', { ...SPEC, inputs: [{ ...input!, root: filled(7) }] }, {}],
    ['input shape', { ...SPEC, inputs: [{ ...input!, shape: [1, 2] }] }, {}],
    ['kernel', { ...SPEC, kernelDigest: filled(8) }, {}],
    ['network', { ...SPEC, network: 'public' }, {}],
    ['requirement', SPEC, { requires: { kind: 'cuda' } }],
    ['requirement met by fewer', { ...SPEC, requires: { kind: 'cpu' } }, {}],
  ];
  for (const [what, spec, change] of others) {
    assert.equal(standsFor(spec, { ...WANTED, ...change }), false, what);
  }
});
