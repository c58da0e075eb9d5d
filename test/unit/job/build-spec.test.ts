import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KadreError } from '../../../src/base/errors.ts';
import { signTagged } from '../../../src/crypto/portable/signed.ts';
import { buildSpec, checkSignedSpec, type SpecInit } from '../../../src/job/build-spec.ts';
import { derivePolicy, estimateShareMs } from '../../../src/job/policy.ts';
import {
  computationIdOf,
  type JobSpec,
  jobIdOf,
  type SignedJobSpec,
} from '../../../src/job/spec.ts';
import { encodeCanonical } from '../../../src/wire/cbor.ts';
import { TAGS } from '../../../src/wire/tags.ts';
import { signerNamed, unwrap } from '../../support/job-factory.ts';

const signer = signerNamed('requester');
const root = new Uint8Array(32).fill(7);
const gemm: SpecInit = {
  kernelId: 'gemm.f32@1',
  parameters: {},
  inputs: [
    { name: 'b', dtype: '<f4', shape: [5, 6], root },
    { name: 'a', dtype: '<f4', shape: [4, 5], root },
  ],
  shards: 4,
  policy: derivePolicy(),
  network: 'test',
  nonce: new Uint8Array(16),
};

function codeOf(init: Partial<SpecInit>): [string, string] {
  try {
    buildSpec({ ...gemm, ...init }, signer);
  } catch (error) {
    assert.ok(error instanceof KadreError);
    return [error.code, error.advice];
  }
  assert.fail('nothing was thrown');
}

/** Signs a spec whatever it says. */
function sign(spec: JobSpec): SignedJobSpec {
  return { spec, signature: signTagged(signer, TAGS.signJobSpec, encodeCanonical(spec)) };
}

test('a built spec passes its own check, with inputs in the kernel’s order', () => {
  const signed = buildSpec(gemm, signer);
  assert.deepEqual(
    signed.spec.inputs.map(({ name }) => name),
    ['a', 'b'],
  );
  const { resolved } = unwrap(checkSignedSpec(signed));
  assert.deepEqual(resolved.outputs[0]!.shape, [4, 6]);
});

test('defaults are written into the spec', () => {
  const { spec } = buildSpec({ ...gemm, kernelId: 'noop@1', inputs: [] }, signer);
  assert.deepEqual(spec.parameters, { items: 65_536 });
});

test('every mistake has its code, and advice that names what to type', () => {
  assert.deepEqual(codeOf({ kernelId: 'gem.f32@1' }), [
    'UNKNOWN_KERNEL',
    'did you mean gemm.f32@1?',
  ]);
  assert.equal(codeOf({ kernelId: 'something else entirely' })[0], 'UNKNOWN_KERNEL');
  assert.equal(codeOf({ parameters: { alpha: 1 } })[0], 'BAD_PARAMETER');
  assert.equal(codeOf({ inputs: gemm.inputs.slice(1) })[0], 'BAD_INPUT');
  assert.equal(codeOf({ inputs: [...gemm.inputs, ...gemm.inputs] })[0], 'BAD_INPUT');
  const wrongShape = [{ ...gemm.inputs[0]!, shape: [7, 6] }, gemm.inputs[1]!];
  assert.equal(codeOf({ inputs: wrongShape })[0], 'BAD_INPUT');
  for (const shards of [0, -1, 1.5, 25, 1e9, Number.NaN]) {
    const [code, advice] = codeOf({ shards });
    assert.equal(code, 'BAD_SHARD_COUNT');
    assert.equal(advice, 'choose a shard count in 1..24');
  }
  assert.equal(codeOf({ policy: { ...gemm.policy, quorum: 4 } })[0], 'BAD_POLICY');
  assert.equal(codeOf({ network: 'n'.repeat(65) })[0], 'BAD_PARAMETER');
});

test('a stranger’s spec is refused for its own reason', () => {
  const { spec, signature } = buildSpec(gemm, signer);
  const reasonOf = (signed: SignedJobSpec) => {
    const checked = checkSignedSpec(signed);
    return checked.ok ? 'accepted' : checked.reason;
  };
  assert.equal(reasonOf({ spec, signature }), 'accepted');
  assert.equal(reasonOf(sign({ ...spec, kernel: 'fft@1' })), 'unknown-kernel');
  assert.equal(reasonOf(sign({ ...spec, kernelDigest: root })), 'wrong-kernel-digest');
  assert.equal(reasonOf(sign({ ...spec, policy: { ...spec.policy, quorum: 9 } })), 'bad-policy');
  assert.equal(reasonOf(sign({ ...spec, parameters: { x: 1 } })), 'bad-parameter');
  assert.equal(reasonOf(sign({ ...spec, inputs: [] })), 'bad-input');
  assert.equal(reasonOf(sign({ ...spec, shards: 25 })), 'bad-shard-count');
  const swapped = spec.inputs.toReversed();
  assert.equal(reasonOf(sign({ ...spec, inputs: swapped })), 'not-resolved');
  assert.equal(reasonOf({ spec: { ...spec, nonce: root.slice(16) }, signature }), 'bad-signature');
  const stranger = signerNamed('stranger').nodeId;
  assert.equal(reasonOf({ spec: { ...spec, requester: stranger }, signature }), 'bad-signature');
});

test('a spec without its defaults is not the spec that the kernel resolves to', () => {
  const { spec } = buildSpec({ ...gemm, kernelId: 'noop@1', inputs: [] }, signer);
  const checked = checkSignedSpec(sign({ ...spec, parameters: {} }));
  assert.equal(checked.ok || checked.reason, 'not-resolved');
});

test('the computation id leaves out nonce, shards and policy; the job id nothing', () => {
  const one = buildSpec(gemm, signer).spec;
  const nonce = new Uint8Array(16).fill(1);
  const policy = derivePolicy({ replicas: 1 });
  const two = buildSpec({ ...gemm, nonce, shards: 2, policy }, signer).spec;
  assert.deepEqual(computationIdOf(one), computationIdOf(two));
  assert.notDeepEqual(jobIdOf(one), jobIdOf(two));
  const other = [gemm.inputs[0]!, { ...gemm.inputs[1]!, root: new Uint8Array(32) }];
  const three = buildSpec({ ...gemm, inputs: other }, signer).spec;
  assert.notDeepEqual(computationIdOf(one), computationIdOf(three));
});

test('policies: defaults, the quorum of one replica, and what contradicts itself', () => {
  const { replicas, quorum, cadre, deadlineMs, sealMs, revealMs } = derivePolicy();
  assert.deepEqual([replicas, quorum, cadre], [3, 2, 4]);
  assert.deepEqual([deadlineMs, sealMs, revealMs], [0, 10_000, 5000]);
  assert.equal(derivePolicy({ replicas: 1 }).quorum, 1);
  assert.equal(derivePolicy({ replicas: 9 }).quorum, 2);
  assert.equal(derivePolicy({ estimateMs: 10_000.2 }).sealMs, 85_008);
  assert.equal(derivePolicy({ estimateMs: 1e300 }).sealMs, 2_592_000_000);
  for (const wrong of [
    { replicas: 0 },
    { replicas: 17 },
    { replicas: 2, quorum: 3 },
    { quorum: 0 },
    { cadre: -1 },
    { cadre: 101 },
    { cadre: 1.5 },
    { deadlineMs: -1 },
    { sealMs: 0 },
    { revealMs: Number.NaN },
  ]) {
    assert.throws(() => derivePolicy(wrong), { code: 'BAD_POLICY' }, JSON.stringify(wrong));
  }
});

test('the estimate takes the slower of the spread work and the largest shard', () => {
  const speeds = [1000, 3000];
  const spread = { operations: 80_000, shardOperations: 10, replicas: 1, speeds };
  assert.equal(estimateShareMs(spread), 25_000);
  assert.equal(estimateShareMs({ ...spread, shardOperations: 80_000 }), 80_000);
  assert.equal(estimateShareMs({ ...spread, speeds: [] }), 0);
});
